import { t } from "../../i18n";
import { Loading } from "../../ui/states";

/** The war room before it is there: the same places, nothing in them. */
export function Skeleton() {
  return (
    <div class="war-room" aria-busy="true">
      <h1 class="vh">{t("nav.warRoom")}</h1>
      <div class="tiles" aria-hidden="true">
        {["p1", "p2", "p3", "p4"].map((each) => (
          <div key={each} class={`card tile tile-wait ${each}`} />
        ))}
        <div class="card tile-wait" />
      </div>
      <div class="card list-wait">
        <Loading rows={9} />
      </div>
      <div class="war-room-side" aria-hidden="true">
        <div class="card side-wait" />
        <div class="card side-wait" />
      </div>
      <div class="war-room-wide charts-place" aria-hidden="true" />
    </div>
  );
}
