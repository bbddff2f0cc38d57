// What a browser fetches before the war room shows, as gzip sends it. Fails above the limit.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT_KB = 60;
const DIST = new URL("./dist/", import.meta.url);
const FIRST = ["src/main.tsx", "src/views/war-room/index.tsx"];
const LANGUAGES = ["src/i18n/en/index.ts", "src/i18n/tr/index.ts"];

const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", DIST), "utf8"));

function filesOf(name, found = new Set()) {
  const chunk = manifest[name];
  if (!chunk) throw new Error(`${name} is not in the manifest`);
  if (!found.has(chunk.file)) {
    found.add(chunk.file);
    for (const each of chunk.imports ?? []) filesOf(each, found);
  }
  return found;
}

const zipped = (file) => gzipSync(readFileSync(new URL(file, DIST)), { level: 6 }).length;

let worst = 0;
for (const language of LANGUAGES) {
  const files = new Set();
  for (const name of [...FIRST, language]) filesOf(name, files);
  const bytes = [...files].reduce((sum, file) => sum + zipped(file), 0);
  worst = Math.max(worst, bytes);
  console.log(`${language.split("/")[2]}: ${(bytes / 1000).toFixed(1)} kB of script in ${files.size} files`);
}
for (const chunk of Object.values(manifest).filter((each) => each.isDynamicEntry && each.file.endsWith(".js"))) {
  console.log(`  ${chunk.src}: ${(zipped(chunk.file) / 1000).toFixed(1)} kB`);
}
if (worst > LIMIT_KB * 1000) {
  console.error(`The first load is above ${LIMIT_KB} kB.`);
  process.exit(1);
}
