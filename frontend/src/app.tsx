import { useEffect } from "preact/hooks";
import { Link, Redirect, Route, Router, Switch, useLocation, useSearch } from "wouter-preact";
import { isSignInAsked } from "./api/session";
import { t } from "./i18n";
import { routes, safeNext } from "./routes";
import { begin } from "./state/begin";
import { code, isOurs, project, start } from "./state/me";
import { Frame } from "./ui/frame";
import { lazy } from "./ui/lazy";
import { usePage } from "./ui/page";
import { Refused } from "./ui/refused";
import { Failed, Loading, NotFound } from "./ui/states";
import { Toasts } from "./ui/toast";

const WarRoom = lazy(() => import("./views/war-room"), 9);
const Incident = lazy(() => import("./views/incident"));
const NewIncident = lazy(() => import("./views/new-incident"));
const Incidents = lazy(() => import("./views/incidents"));
const Changes = lazy(() => import("./views/changes"));
const Customer = lazy(() => import("./views/customer"));
const Projects = lazy(() => import("./views/projects"), 3);
const SignIn = lazy(() => import("./views/sign-in"), 3);
const SignInAgain = lazy(() => import("./views/sign-in/again"), 3);
const PROJECT = "/p/:code/*?";

export function App() {
  return (
    <Router>
      <Switch>
        <Route path="/sign-in">
          <SignInPage />
        </Route>
        <Route path={PROJECT}>{(params) => <Page code={params.code} />}</Route>
        <Route>
          <Page code="" />
        </Route>
      </Switch>
      <Toasts />
      {isSignInAsked.value && <SignInAgain />}
    </Router>
  );
}

function SignInPage() {
  const next = safeNext(new URLSearchParams(useSearch()).get("next"));
  if (start.value.step === "in") return <Redirect to={next} replace />;
  return <SignIn onDone={() => begin()} />;
}

function Page({ code: named }: { code: string }) {
  useEffect(() => {
    code.value = named;
  }, [named]);
  const now = start.value;
  switch (now.step) {
    case "out":
      return <ToSignIn />;
    case "refused":
      return <Refused problem={now.problem} />;
    case "failed":
      return (
        <Frame>
          <Failed problem={now.problem} retry={() => void begin()} />
        </Frame>
      );
    case "starting":
      return (
        <Frame>
          <Waiting />
        </Frame>
      );
    case "in":
      return <Frame>{code.value === named && (named && !project.value ? <LostProject code={named} /> : <Views />)}</Frame>;
  }
}

/** Before it is known who is here: nothing that would move when the view comes. */
function Waiting() {
  return (
    <div class="waiting-page">
      <Loading rows={6} />
    </div>
  );
}

function Views() {
  return (
    <Switch>
      <Route path="/">
        <Projects />
      </Route>
      <Route path="/p/:code">
        <Home />
      </Route>
      <Route path="/p/:code/incidents">
        <Incidents />
      </Route>
      <Route path="/p/:code/incidents/new">
        <NewIncident />
      </Route>
      <Route path="/p/:code/incidents/:number">{({ number }) => <Incident key={number} />}</Route>
      <Route path="/p/:code/changes/*?">
        <Changes />
      </Route>
      <Route>
        <Lost sentence={t("lost.page")} />
      </Route>
    </Switch>
  );
}

/** The war room; a customer's is another. */
function Home() {
  return isOurs.value ? <WarRoom /> : <Customer />;
}

function ToSignIn() {
  const [path] = useLocation();
  const next = path + location.search + location.hash;
  return <Redirect to={routes.signIn(next === "/" ? undefined : next)} replace />;
}

function LostProject({ code: named }: { code: string }) {
  return <Lost sentence={t("lost.project", { code: named })} />;
}

function Lost({ sentence }: { sentence: string }) {
  usePage(t("state.notFound"));
  return (
    <NotFound
      sentence={sentence}
      action={
        <Link class="btn" href={routes.home()}>
          {t("lost.home")}
        </Link>
      }
    />
  );
}
