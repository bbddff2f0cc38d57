import { defineConfig } from "vitest/config";

/**
 * Django serves the shell page and finds the hashed files in the manifest, so there is no index.html.
 * The build is committed: the same sources must give the same bytes.
 */
export default defineConfig({
  base: "/static/app/",
  publicDir: false,
  build: {
    target: "es2023",
    manifest: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rollupOptions: { input: "src/main.tsx" },
  },
  test: {
    include: ["tests/**/*.test.{ts,mjs}"],
    setupFiles: ["tests/setup.ts"],
    environment: "node",
    pool: "threads",
    isolate: false,
    maxWorkers: 1,
  },
});
