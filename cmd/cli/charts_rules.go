package cli

import (
	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/release"
)

// chartRules are about what charts render, which only --manifests sees.
var chartRules = []lint.Rule{
	{
		Code: release.AgainstSchema, Name: "value-against-schema", Severity: diag.Error, Charts: true,
		Summary: "A value is not what the chart's values.schema.json allows.",
		Why:     "Helm refuses the release.",
		Fix:     "Give the value that the schema asks for.",
		Source:  "[HELM] values.schema.json is checked by install, upgrade and template",
	}, {
		Code: release.Refused, Name: "chart-refuses", Severity: diag.Error, Charts: true,
		Summary: "A chart does not render.",
		Why:     "Helm stops with the same message, and so does what syncs it.",
		Fix:     "Change the field that is named, as the chart's message says.",
		Source:  "the chart's templates: fail, required, or an error",
	}, {
		Code: release.UnreadValue, Name: "unread-value", Severity: diag.Warning, Charts: true,
		Summary: "A value that no template of any chart reads.",
		Why:     "It looks as if something were configured, and nothing is. Mostly a name is misspelt or stands in the wrong place.",
		Fix:     "Correct its name or place, or remove it.",
		Source:  "the charts' templates; a value is named only if it cannot be read",
	}, {
		Code: release.NotStable, Name: "unstable-template", Severity: diag.Note, Charts: true,
		Summary: "A template renders otherwise each time, or asks the cluster.",
		Why:     "Argo CD renders with `helm template`, without a cluster: what is random shows as a difference that never ends, and a lookup finds nothing. A warning where the topology is delivered by Argo CD.",
		Fix:     "Nothing, if the engine is Flux or helm upgrade; else set the value that avoids the call, if the chart has one.",
		Source:  "[ARGO]",
	}, {
		Code: release.PlainSecret, Name: "rendered-secret", Severity: diag.Error, Charts: true,
		Summary: "A chart renders a Secret with its values, such as its default password.",
		Why:     "A default password is known to everybody, and manifests in Git are read by many. The value is never written: a rendered Secret says (hidden), and cannot be applied. A warning if the value is the chart's own, an error if the topology has it.",
		Fix:     "Name a Secret that exists in the cluster, in the field that is named.",
		Source:  "[C15] cassandra.auth, for one",
	}, {
		Code: release.Twice, Name: "rendered-twice", Severity: diag.Error, Charts: true,
		Summary: "Two releases of a region render the same object.",
		Why:     "Helm refuses to install the second, and GitOps engines fight over it.",
		Fix:     "Switch the object off in one of the releases, or rename it.",
		Source:  "[HELM] an object belongs to one release",
	}, {
		Code: release.LongName, Name: "rendered-name-too-long", Severity: diag.Error, Charts: true,
		Summary: "A rendered object has a longer name, or label, than Kubernetes takes.",
		Why:     "The API server refuses it; of a StatefulSet or CronJob it takes the object, and its pods or jobs fail.",
		Fix:     "Shorten the names that it is made of: of the environment, the group or the organization.",
		Source:  "[K8S] object names and labels",
	}, {
		Code: release.HookElsewhere, Name: "hook-elsewhere", Severity: diag.Note, Charts: true,
		Summary: "A chart has hooks that Argo CD runs at other times than Helm, or never.",
		Why:     "Hooks before an installation or an upgrade run before every sync, whether or not anything changes; those of tests and rollbacks never. A hook of Argo CD's own in an application switches all of Helm's off. A warning where the topology is delivered by Argo CD.",
		Fix:     "Deliver by Flux, or see that the hooks do no harm when they are run again.",
		Source:  "[ARGO] Helm hooks",
	}, {
		Code: release.Dropped, Name: "field-not-in-definition", Severity: diag.Error, Charts: true,
		Summary: "A custom resource is not what its definition allows.",
		Why:     "The API server drops fields that it does not know without a word, and refuses values of the wrong kind.",
		Fix:     "If a value of the topology makes the field, correct it; else the chart and the definitions are of different versions.",
		Source:  "[KZ] the definitions; those of the charts, and those of --crds",
	}, {
		Code: "RP149", Name: "not-as-planned", Severity: diag.Error, Always: true, Charts: true,
		Summary: "What the charts and the overlay make of a region is not what its phase wants.",
		Why:     "The datacenter, rack, seed host and size of the ring must reach the operator exactly; a value or a patch that changes them on the way takes the gates away.",
		Fix:     "Remove the value or patch that changes the field; the topology has a field of its own for it.",
		Source:  "ringplan: I1, I2, I10",
	}, {
		Code: "RP151", Name: "overlay-fails", Severity: diag.Error, Always: true, Charts: true,
		Summary: "A part of an overlay cannot be applied, or matches nothing.",
		Why:     "What is meant to change does not; with the next version of a chart nobody would notice.",
		Fix:     "Correct the target, or remove the part.",
		Source:  "ringplan",
	}, {
		Code: "RP152", Name: "overlay-idle", Severity: diag.Warning, Charts: true,
		Summary: "A patch changes nothing.",
		Why:     "What it sets is so already; it may have been meant for something else.",
		Fix:     "Remove it.",
		Source:  "ringplan",
	},
}

// besideRules are about what lies beside a topology, overlays and the lock of the
// charts, and where it lies itself. They hold without charts.
var besideRules = []lint.Rule{
	{
		Code: "RP150", Name: "overlay-file", Severity: diag.Error, Always: true,
		Summary: "An overlay names a file or folder that cannot be read, or a patch that is none.",
		Why:     "Nothing can be rendered with it.",
		Fix:     "Name a file or folder of the repository, relative to the topology.",
		Source:  "ringplan",
	}, {
		Code: "RP153", Name: "overlay-moves-ring", Severity: diag.Error, Always: true,
		Summary: "A patch changes what the stages decide: a seed host, a datacenter or a replication.",
		Why:     "A seed host leaves only after its rebuild; a patch would take it out, or leave it in, behind the gate's back.",
		Fix:     "Remove the patch: the topology and its rollout decide this.",
		Source:  "ringplan: I1, I2",
	}, {
		Code: "RP154", Name: "lock-out-of-date", Severity: diag.Warning,
		Summary: "ringplan.lock does not pin a chart of the topology, or cannot be read.",
		Why:     "The version of a chart alone does not say which bytes it has, and a registry may change them.",
		Fix:     "Run `ringplan charts lock`, and commit what it writes.",
		Source:  "github.com/helm/helm/issues/9662: Helm's own locks pin versions, not bytes",
	}, {
		Code: "RP166", Name: "delivered-from-elsewhere", Severity: diag.Warning, Base: true,
		Summary: "The topology is in another folder of its repository than engines are told.",
		Why:     "They look for charts, values and manifests below spec.repository.path, and find nothing there, or those of another topology.",
		Fix:     "Set spec.repository.path to the folder of the topology, from the root of the repository, and render.",
		Source:  "[FLUX] spec.path; [ARGO] source.path",
	},
}
