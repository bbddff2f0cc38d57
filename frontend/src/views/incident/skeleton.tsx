import { Loading } from "../../ui/states";

/** The page of an incident before it is there: the same geometry. */
export function Skeleton() {
  return (
    <div class="incident" aria-busy="true">
      <div class="head head-loading" aria-hidden="true">
        <div class="head-main">
          <i />
          <i />
          <i />
        </div>
      </div>
      <div class="incident-main">
        <div class="clocks" aria-hidden="true">
          <div class="card clockcard clockcard-loading" />
          <div class="card clockcard clockcard-loading" />
        </div>
        <div class="card thread">
          <Loading rows={5} />
        </div>
      </div>
      <div class="incident-aside" aria-hidden="true">
        <div class="card panel panel-loading" />
      </div>
    </div>
  );
}
