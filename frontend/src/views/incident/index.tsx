import { useMemo, useState } from "preact/hooks";
import { Link, useParams } from "wouter-preact";

import type { Me } from "../../api/types";
import { t } from "../../i18n";
import { routes } from "../../routes";
import { code, project } from "../../state/me";
import { SHAPES } from "../../ui/severity";
import { Moment, ZoneSwitch } from "../../ui/moment";
import { usePage } from "../../ui/page";
import { Failed, NotFound } from "../../ui/states";
import { modulesOf } from "../modules";
import { useWho } from "../who";
import { Aside } from "./aside";
import { ClockCards } from "./clocks";
import { Composer } from "./composer";
import { type Loaded, useIncident } from "./data";
import { EditForm } from "./edit";
import { Head } from "./head";
import "./incident.css";
import { MoveDialog } from "./moves";
import { Skeleton } from "./skeleton";
import { type Cast, storyOf } from "./story";
import { Thread } from "./thread";

/** An incident: what it is, where its clocks stand, what happened and was said, and what can be done. */
export default function IncidentPage() {
  const { number } = useParams<{ number: string }>();
  const shown = project.value;
  const isNumber = /^[1-9]\d{0,8}$/.test(number);
  const who = useWho();
  if (!shown || !who) return <Skeleton />;
  return isNumber ? <Known who={who} project={shown.id} number={number} /> : <Missing sentence={t("incident.missingAny")} />;
}

function Missing({ sentence }: { sentence: string }) {
  usePage(t("state.notFound"));
  return (
    <NotFound
      sentence={sentence}
      action={
        <Link class="btn" href={routes.incidents(code.value)}>
          {t("incident.toAll")}
        </Link>
      }
    />
  );
}

function Known({ who, project: id, number }: { who: Me; project: string; number: string }) {
  const key = `INC-${number}`;
  const { loaded, problem, since, isMissing, reload, changed } = useIncident(id, Number(number));
  if (isMissing) return <Missing sentence={t("incident.missing", { key })} />;
  if (!loaded) {
    return (
      <>
        <h1 class="vh">{key}</h1>
        {problem ? <Failed problem={problem} retry={() => void reload()} /> : <Skeleton />}
      </>
    );
  }
  return (
    <>
      {problem && <Failed problem={problem} since={since} retry={() => void reload()} />}
      <Page who={who} loaded={loaded} onDone={changed} onReload={() => void reload()} />
    </>
  );
}

interface PageShown {
  who: Me;
  loaded: Loaded;
  onDone: (read: { incident: Loaded["incident"]; etag: string }) => void;
  onReload: () => void;
}

function Page({ who, loaded, onDone, onReload }: PageShown) {
  const { incident, events, members, clocks, at } = loaded;
  const [isEditing, setEditing] = useState(false);
  const [isAnswered, setAnswered] = useState(false);
  const { user } = who;
  const zone = project.value!.time_zone;
  const ours = who.role !== "customer";
  const may = (step: string) => incident.allowed_actions.includes(step);
  const isLate = incident.sla_response_breached || incident.sla_resolution_breached;
  usePage(`${SHAPES[incident.severity]} ${incident.key}${isLate ? ` · ${t("incident.late")}` : ""} · ${incident.title}`);
  const cast: Cast = { incident, events, members, me: user.id };
  const items = useMemo(() => storyOf(cast), [loaded]);
  return (
    <div class="incident">
      <Head
        loaded={loaded}
        me={user.id}
        isOurs={ours}
        zone={zone}
        isEditing={isEditing}
        onEdit={() => setEditing(true)}
        onDone={onDone}
        onRefused={onReload}
      />
      <div class="incident-main">
        {isEditing && (
          <EditForm
            loaded={loaded}
            me={user.id}
            modules={modulesOf()}
            onDone={onDone}
            onRefused={onReload}
            onClose={() => setEditing(false)}
          />
        )}
        <ClockCards clocks={clocks} incident={incident} events={events} zone={zone} />
        {incident.status === "waiting" && <WaitingBox loaded={loaded} me={user.id} zone={zone} />}
        {incident.root_cause && incident.resolved_at && <ResolvedBox loaded={loaded} zone={zone} />}
        <section class="card thread" aria-label={t("thread.title")}>
          <header class="thread-head">
            <h2>{t("thread.title")}</h2>
            {may("respond") && (
              <button type="button" class="btn ghost" onClick={() => setAnswered(true)}>
                {t("incident.answeredPhone")}
              </button>
            )}
            <ZoneSwitch zone={zone} />
          </header>
          {incident.description && (
            <div class="description">
              <h3>{t("incident.whatHappened")}</h3>
              <p>{incident.description}</p>
            </div>
          )}
          <Thread items={items} zone={zone} customer={ours ? customerOf(loaded) : ""} isOurs={ours} />
          {may("comment") ? (
            <Composer
              at={at}
              incident={incident}
              me={user.name}
              isOurs={ours}
              mayNote={may("comment_internally")}
              onSent={onReload}
            />
          ) : (
            <p class="muted read-only">{t("incident.readOnly")}</p>
          )}
        </section>
      </div>
      <Aside loaded={loaded} isOurs={ours} zone={zone} onDone={onDone} />
      {isAnswered && (
        <MoveDialog
          act="answered"
          loaded={loaded}
          me={user.id}
          onDone={onDone}
          onRefused={onReload}
          onClose={() => setAnswered(false)}
        />
      )}
    </div>
  );
}

/** The name of the customer who reads what is public: who reported it, if that is none of us. */
function customerOf({ incident, members }: Loaded): string {
  const reporter = members.find((each) => each.user_id === incident.reported_by_id);
  return reporter?.role === "customer" ? reporter.user_name : "";
}

function WaitingBox({ loaded, me, zone }: { loaded: Loaded; me: number; zone: string }) {
  const { waiting_since: since, waiting_owner_name: owner, waiting_reason: reason } = loaded.incident;
  if (!since) return null;
  const isMine = loaded.incident.waiting_owner_id === me;
  return (
    <section class="card box box-waiting">
      <h2>
        {isMine ? t("incident.waitsForYou") : owner ? t("incident.waitsFor", { name: owner }) : t("incident.waits")}{" "}
        <Moment at={since} zone={zone} />
      </h2>
      <p>{reason}</p>
    </section>
  );
}

function ResolvedBox({ loaded, zone }: { loaded: Loaded; zone: string }) {
  const { incident } = loaded;
  return (
    <section class="card box box-resolved">
      <h2>
        {t("incident.resolvedBox")} <Moment at={incident.resolved_at!} zone={zone} />
      </h2>
      <dl>
        <dt>{t("resolve.cause")}</dt>
        <dd>{incident.root_cause}</dd>
        <dt>{t("resolve.notes")}</dt>
        <dd>{incident.resolution_notes}</dd>
      </dl>
    </section>
  );
}
