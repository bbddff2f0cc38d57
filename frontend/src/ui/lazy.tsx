import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Failed, Loading } from "./states";

type Loader<P> = () => Promise<{ default: ComponentType<P> }>;

/** A component whose code is fetched when it is first shown. */
export function lazy<P extends object>(load: Loader<P>, rows = 6): ComponentType<P> {
  let loaded: ComponentType<P> | undefined;
  return function Lazy(props: P) {
    const [Shown, setShown] = useState<ComponentType<P> | undefined>(() => loaded);
    const [failed, setFailed] = useState<Error | null>(null);
    const [tries, setTries] = useState(0);
    useEffect(() => {
      if (loaded) return;
      let isGone = false;
      setFailed(null);
      load().then(
        (module) => {
          loaded = module.default;
          if (!isGone) setShown(() => module.default);
        },
        (error: Error) => {
          if (!isGone) setFailed(error);
        },
      );
      return () => {
        isGone = true;
      };
    }, [tries]);
    if (Shown) return <Shown {...props} />;
    if (failed) return <Failed problem={failed} retry={() => setTries(tries + 1)} />;
    return <Loading rows={rows} />;
  };
}
