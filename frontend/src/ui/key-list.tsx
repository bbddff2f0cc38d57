import { t } from "../i18n";
import { keys } from "../keys";
import { Dialog } from "./dialog";

const NAMES: Record<string, string> = { Enter: "↵", ArrowDown: "↓", ArrowUp: "↑" };

/** The keys of this page. */
export default function KeyList({ onClose }: { onClose: () => void }) {
  const shown = [...new Map(keys.value.map((each) => [each.key, each])).values()];
  return (
    <Dialog title={t("keys.title")} onClose={onClose}>
      <dl class="key-list">
        {shown.map((each) => (
          <div key={each.key}>
            <dt>
              <kbd>{NAMES[each.key] ?? each.key}</kbd>
            </dt>
            <dd>{each.label}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
