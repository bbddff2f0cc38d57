import { Link, Redirect } from "wouter-preact";
import { fmt, t } from "../../i18n";
import { routes } from "../../routes";
import { me, projects } from "../../state/me";
import type { Project } from "../../api/types";
import { goLive } from "../../ui/go-live";
import { Empty } from "../../ui/states";
import { usePage } from "../../ui/page";
import "./projects.css";

/** The choice of a project; who has one only goes there. */
export default function Projects() {
  usePage(t("projects.title"));
  const [only, ...others] = projects.value;
  if (only && !others.length) return <Redirect to={routes.warRoom(only.code)} replace />;
  return (
    <div class="projects">
      <h1>{t("projects.title")}</h1>
      {only ? (
        <ul>
          {projects.value.map((each) => (
            <li key={each.id}>
              <Choice project={each} />
            </li>
          ))}
        </ul>
      ) : (
        <div class="card">
          <Empty sentence={t("projects.none")} />
        </div>
      )}
    </div>
  );
}

function Choice({ project }: { project: Project }) {
  return (
    <Link href={routes.warRoom(project.code)} class="card project">
      <span class="project-name">{project.name}</span>
      <span class="muted small">{project.program_name}</span>
      <span class="project-facts">
        <span class="pill go-live">{goLive(project.go_live_day)}</span>
        <span class="muted small">
          {project.go_live_at
            ? t("projects.goLive", { day: fmt.day(project.go_live_at, project.time_zone) })
            : project.code}
        </span>
      </span>
      <span class="small project-role">{roles(project).join(" · ")}</span>
    </Link>
  );
}

function roles(project: Project): string[] {
  const found: string[] = [];
  if (me.value?.role === "customer") found.push(t("projects.role.customer"));
  else found.push(t(project.is_member ? "projects.role.member" : "projects.role.viewer"));
  if (project.support_level) found.push(project.support_level);
  if (project.is_board_member) found.push(t("projects.role.board"));
  return found;
}
