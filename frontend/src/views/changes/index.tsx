import { Route, Switch, useLocation } from "wouter-preact";
import { ChangeList } from "./list";
import { NewChange } from "./new";
import { OneChange } from "./one";
import "../lists.css";
import "./changes.css";

/** Everything under `/p/<CODE>/changes`. */
export default function Changes() {
  const [path] = useLocation();
  return (
    <Switch>
      <Route path="/p/:code/changes">
        <ChangeList />
      </Route>
      <Route path="/p/:code/changes/new">
        <NewChange key={path} />
      </Route>
      <Route path="/p/:code/changes/:number">{({ number }) => <OneChange key={number} number={number} />}</Route>
    </Switch>
  );
}
