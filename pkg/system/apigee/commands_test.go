package apigee

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// lines writes the commands of a stage, one a line, with what is done by hand
// in brackets.
func lines(g *ring, region string, to stage.Phase) string {
	var b strings.Builder
	for _, c := range g.Commands(stage.Stage{Region: region, To: to}, "rendered") {
		if c.Run == "" {
			b.WriteString("[" + c.Comment + "]\n")
			continue
		}
		b.WriteString(c.Run + "\n")
	}
	return b.String()
}

func TestCommands(t *testing.T) {
	const pull = "oci://us-docker.pkg.dev/apigee-release/apigee-hybrid-helm-charts/"
	helm := func(release, chart, more string) string {
		return "helm upgrade " + release + " " + pull + chart + " --version 1.16.0 --install --namespace apigee --kube-context ctx-west --atomic -f rendered/west/overrides.yaml" + more + "\n"
	}
	tests := map[string]struct {
		to   stage.Phase
		want string
	}{
		"joining": {joining, `[by hand: cert-manager must run in cluster c-west]
kubectl create namespace apigee --dry-run=client -o yaml | kubectl --context ctx-west apply -f -
[by hand: namespace apigee must hold the Secrets cassandra-users, public-tls]
kubectl --context ctx-east -n cert-manager get secret apigee-ca -o json | jq 'del(.metadata.uid,.metadata.resourceVersion,.metadata.creationTimestamp,.metadata.ownerReferences,.metadata.managedFields)' | kubectl --context ctx-west apply -f -
helm pull ` + pull + `apigee-operator --version 1.16.0 --untar --untardir apigee-crds-west
kubectl --context ctx-west apply -k apigee-crds-west/apigee-operator/etc/crds/default/ --server-side --force-conflicts --validate=false
` + helm("operator", "apigee-operator", "") + helm("datastore", "apigee-datastore", "") + helm("telemetry", "apigee-telemetry", "") + helm("redis", "apigee-redis", "") +
			helm("ingress-manager", "apigee-ingress-manager", "") + helm("acme-prod", "apigee-org", "") +
			helm("prod-env-release", "apigee-env", " --set env=prod") + helm("public-envgroup-release", "apigee-virtualhost", " --set envgroup=public")},
		"rebuilding": {rebuilding, "kubectl --context ctx-west apply -f rendered/west/datareplication.yaml\n"},
		"settling":   {settling, helm("datastore", "apigee-datastore", "") + "kubectl --context ctx-west -n apigee delete cassandradatareplication expand-west --ignore-not-found\n"},
		"serving":    {stage.Serving, ""},
		"draining": {draining, "helm uninstall public-envgroup-release --namespace apigee --wait --kube-context ctx-west\n" +
			"helm uninstall prod-env-release --namespace apigee --wait --kube-context ctx-west\n"},
		"detaching": {detaching, "helm uninstall acme-prod --namespace apigee --wait --kube-context ctx-west\n"},
		"leaving": {leaving, "helm uninstall datastore --namespace apigee --wait --kube-context ctx-west\n" +
			"[the operator takes datacenter dc-2 out of the ring now; wait until a survivor does not list it any more]\n"},
		"clearing": {clearing, "helm uninstall telemetry --namespace apigee --wait --kube-context ctx-west\n" +
			"helm uninstall redis --namespace apigee --wait --kube-context ctx-west\nhelm uninstall ingress-manager --namespace apigee --wait --kube-context ctx-west\n"},
		"closing": {closing, "helm uninstall operator --namespace apigee --wait --kube-context ctx-west\n"},
		"gone": {stage.Gone, "[by hand: delete the volumes of Cassandra, remove cert-manager if nothing else uses it, and take region west out of the topology]\n" +
			"kubectl --context ctx-west -n apigee delete pvc cassandra-data-apigee-cassandra-default-0 cassandra-data-apigee-cassandra-default-1 cassandra-data-apigee-cassandra-default-2\n"},
	}
	g := ringOf(t, `spec: {serviceAccounts: {workloadIdentity: {gsa: g@p}}}`)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(g, "west", tt.to)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCommandsOfAborts: what is behind an abort is not what comes by the way
// forward.
func TestCommandsOfAborts(t *testing.T) {
	const end = "kubectl --context ctx-west -n apigee delete cassandradatareplication expand-west --ignore-not-found\n"
	g := ringOf(t, `{}`)
	text := func(s stage.Stage) string {
		s.Region = "west"
		var b strings.Builder
		for _, c := range g.Commands(s, "rendered") {
			b.WriteString(c.Run + "\n")
		}
		return b.String()
	}
	whole := text(stage.Stage{Procedure: &expand, From: stage.Planned, To: joining})
	for _, release := range []string{"operator", "datastore", "acme-prod", "prod-env-release", "public-envgroup-release"} {
		if !strings.Contains(whole, "helm upgrade "+release+" ") {
			t.Errorf("release %s is not installed:\n%s", release, whole)
		}
	}
	for name, tt := range map[string]struct {
		stage stage.Stage
		want  string
	}{
		"of a rebuild":               {stage.Stage{Procedure: &expand, From: rebuilding, To: joining}, end},
		"of a withdrawal":            {stage.Stage{Procedure: &expand, From: draining, To: joining}, whole},
		"of a withdrawal, detached":  {stage.Stage{Procedure: &expand, From: detaching, To: joining}, whole},
		"of a decommission":          {stage.Stage{Procedure: &comeBack, From: draining, To: returning}, whole},
		"of a decommission, later":   {stage.Stage{Procedure: &comeBack, From: detaching, To: returning}, whole},
		"of a return":                {stage.Stage{Procedure: &decommission, From: returning, To: draining}, "helm uninstall public-envgroup-release --namespace apigee --wait --kube-context ctx-west\nhelm uninstall prod-env-release --namespace apigee --wait --kube-context ctx-west\n"},
		"of an expansion":            {stage.Stage{Procedure: &withdraw, From: settling, To: draining}, "helm uninstall public-envgroup-release --namespace apigee --wait --kube-context ctx-west\nhelm uninstall prod-env-release --namespace apigee --wait --kube-context ctx-west\n"},
		"of nothing, it has settled": {stage.Stage{Procedure: &expand, From: settling, To: stage.Serving}, ""},
	} {
		if diff := cmp.Diff(tt.want, text(tt.stage)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestCommandsOfPurge: nothing is run for a cluster that is lost; a person
// keeps the engine from it, and works on a survivor.
func TestCommandsOfPurge(t *testing.T) {
	var words string
	for _, c := range ringOf(t, `{}`).Commands(stage.Stage{Region: "west", Procedure: &purge, From: leaving, To: purging}, "rendered") {
		if c.Run != "" || !strings.HasPrefix(c.Comment, "by hand: ") {
			t.Errorf("%+v", c)
		}
		words += c.Comment
	}
	for _, want := range []string{"Detach the region from Argo CD or Flux before", "ALTER KEYSPACE", "nodetool removenode", "on a survivor", "There is no way back"} {
		if !strings.Contains(words, want) {
			t.Errorf("there is no word of %s in %s", want, words)
		}
	}
	if strings.Contains(words, "--procedure purge") {
		t.Errorf("a purge tells to purge: %s", words)
	}
}

var everyPhase = []stage.Phase{returning, purging, installing, joining, rebuilding, settling, draining, detaching, leaving, clearing, closing, stage.Serving, stage.Gone}

// TestCommandsNameTheCluster: no command runs against whatever context happens
// to be the current one.
func TestCommandsNameTheCluster(t *testing.T) {
	g := ringOf(t, `{}`)
	for _, to := range everyPhase {
		for _, command := range g.Commands(stage.Stage{Region: "west", To: to}, "rendered") {
			for _, part := range strings.Split(command.Run, " | ") {
				reads := strings.HasPrefix(part, "kubectl create namespace") || strings.HasPrefix(part, "helm pull") || strings.HasPrefix(part, "jq ")
				if part != "" && !reads && !strings.Contains(part, "context ctx-") {
					t.Errorf("%s: %s", to, part)
				}
			}
		}
	}
	if got := lines(ringOf(t, `spec: {regions: {1: {kubernetes: {context: null}}}}`), "west", rebuilding); strings.Contains(got, "context") {
		t.Errorf("a context that the topology does not name: %s", got)
	}
}

func TestCommandsWithOwnChartsAndNamespace(t *testing.T) {
	got := lines(ringOf(t, `spec: {charts: {path: ./my charts/}, namespace: hybrid}`), "east", installing)
	for _, want := range []string{
		"(cd 'dir/my charts/apigee-operator'/etc/crds/default && kustomize edit set namespace hybrid)\n",
		"apply -k 'dir/my charts/apigee-operator/etc/crds/default/' --server-side",
		"helm upgrade datastore 'dir/my charts/apigee-datastore' --install --namespace hybrid ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "helm pull") || strings.Contains(got, "--version") || strings.Contains(got, "certificate authority") {
		t.Errorf("a repository or a source is used:\n%s", got)
	}
}

// TestCommandsWithLocatedCharts: a chart is where it was found, and one that is
// packed is unpacked for what it holds besides templates.
func TestCommandsWithLocatedCharts(t *testing.T) {
	tests := map[string]struct {
		patch, dir string
		located    map[string]string
		want       []string // the lines of the operator's chart, and that of the datastore's
	}{
		"in folders of their names": {`{}`, "dir", nil, []string{
			"kubectl --context ctx-west apply -k dir/charts/apigee-operator/etc/crds/default/ --server-side --force-conflicts --validate=false",
			"helm upgrade operator dir/charts/apigee-operator --install", "helm upgrade datastore dir/charts/apigee-datastore --install",
		}},
		"by version": {`{}`, "dir", map[string]string{"apigee-operator": "1.16.0/apigee-operator", "apigee-datastore": "apigee-datastore-1.16.0"}, []string{
			"kubectl --context ctx-west apply -k dir/charts/1.16.0/apigee-operator/etc/crds/default/ --server-side --force-conflicts --validate=false",
			"helm upgrade operator dir/charts/1.16.0/apigee-operator --install", "helm upgrade datastore dir/charts/apigee-datastore-1.16.0 --install",
		}},
		"packed": {`{}`, "dir", map[string]string{"apigee-operator": "apigee-operator-1.16.0.tgz", "apigee-datastore": "1.16.0/apigee-datastore-1.16.0.tgz"}, []string{
			"mkdir apigee-crds-west && tar -xzf dir/charts/apigee-operator-1.16.0.tgz -C apigee-crds-west",
			"kubectl --context ctx-west apply -k apigee-crds-west/apigee-operator/etc/crds/default/ --server-side --force-conflicts --validate=false",
			"helm upgrade operator dir/charts/apigee-operator-1.16.0.tgz --install", "helm upgrade datastore dir/charts/1.16.0/apigee-datastore-1.16.0.tgz --install",
		}},
		"the others are packed": {`{}`, "dir", map[string]string{"apigee-operator": "apigee-operator", "apigee-datastore": "apigee-datastore.tgz"}, []string{
			"kubectl --context ctx-west apply -k dir/charts/apigee-operator/etc/crds/default/ --server-side --force-conflicts --validate=false",
			"helm upgrade operator dir/charts/apigee-operator --install", "helm upgrade datastore dir/charts/apigee-datastore.tgz --install",
		}},
		"packed, in another namespace": {`spec: {namespace: hybrid}`, "dir", map[string]string{"apigee-operator": "a b.tgz"}, []string{
			"mkdir apigee-crds-west && tar -xzf 'dir/charts/a b.tgz' -C apigee-crds-west",
			"(cd apigee-crds-west/apigee-operator/etc/crds/default && kustomize edit set namespace hybrid)",
			"kubectl --context ctx-west apply -k apigee-crds-west/apigee-operator/etc/crds/default/ --server-side --force-conflicts --validate=false",
			"helm upgrade operator 'dir/charts/a b.tgz' --install", "helm upgrade datastore dir/charts/apigee-datastore --install",
		}},
		"above the topology": {`spec: {charts: {path: ../charts}}`, "envs/prod", map[string]string{"apigee-operator": "1.16.0/apigee-operator"}, []string{
			"kubectl --context ctx-west apply -k envs/charts/1.16.0/apigee-operator/etc/crds/default/ --server-side --force-conflicts --validate=false",
			"helm upgrade operator envs/charts/1.16.0/apigee-operator --install", "helm upgrade datastore envs/charts/apigee-datastore --install",
		}},
		"of a repository": {`spec: {charts: {path: ""}}`, "dir", map[string]string{"apigee-operator": "apigee-operator.tgz"}, []string{
			"helm pull " + defaultRepository + "/apigee-operator --version 1.16.0 --untar --untardir apigee-crds-west",
			"kubectl --context ctx-west apply -k apigee-crds-west/apigee-operator/etc/crds/default/ --server-side --force-conflicts --validate=false",
			"helm upgrade operator " + defaultRepository + "/apigee-operator --version 1.16.0 --install", "helm upgrade datastore " + defaultRepository + "/apigee-datastore --version 1.16.0 --install",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := ringOf(t, text(t, merge(decode(t, `spec: {charts: {path: charts}}`), decode(t, tt.patch))))
			g.Dir, g.Located = tt.dir, tt.located
			var got []string
			for _, line := range strings.Split(lines(g, "west", joining), "\n") {
				if strings.Contains(line, "crds") || strings.HasPrefix(line, "helm pull") {
					got = append(got, line)
				}
				if strings.HasPrefix(line, "helm upgrade operator ") || strings.HasPrefix(line, "helm upgrade datastore ") {
					before, _, _ := strings.Cut(line, " --namespace")
					got = append(got, before)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCommandsWithOverlay: what Helm and kubectl apply by hand is what the tree
// says, overlay and all.
func TestCommandsWithOverlay(t *testing.T) {
	const (
		patch      = `patches: [{target: {kind: Service, name: x}, patch: "[]"}]`
		components = `components: [quota]`
		renderer   = " --post-renderer ringplan --post-renderer-args overlay --post-renderer-args rendered/west"
		all        = "kubectl --context ctx-west apply -k rendered/west/"
	)
	tests := map[string]struct {
		ring, region    string // overlays
		changed, brings bool   // what is rendered, and objects of its own
	}{
		"none":                      {"", "", false, false},
		"an empty one":              {"patches: []", "components: []", false, false},
		"of all regions":            {patch, "", true, false},
		"of the region":             {"", patch, true, false},
		"labels":                    {"labels: [{pairs: {a: b}}]", "", true, false},
		"images":                    {"", "images: [{name: a, newName: b}]", true, false},
		"components of all regions": {components, "", true, true},
		"components of the region":  {"", components, true, true},
		"components besides":        {patch, components, true, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := ringOf(t, fmt.Sprintf(`spec: {overlay: {%s}, regions: {1: {overlay: {%s}}}}`, tt.ring, tt.region))
			for _, to := range []stage.Phase{joining, returning, settling} {
				for line := range strings.Lines(lines(g, "west", to)) {
					if strings.HasPrefix(line, "helm upgrade ") != strings.Contains(line, renderer) && tt.changed || strings.Contains(line, "--post-renderer") && !tt.changed {
						t.Errorf("%s: %s", to, line)
					}
					if strings.HasPrefix(line, "helm upgrade ") && tt.changed && !strings.HasSuffix(line, renderer+"\n") {
						t.Errorf("%s: %s", to, line)
					}
				}
				brings := strings.HasSuffix(lines(g, "west", to), all+"\n")
				if want := tt.brings && to != settling; brings != want || strings.Count(lines(g, "west", to), all) > 1 {
					t.Errorf("%s: what the components bring is applied last: %v, want %v\n%s", to, brings, want, lines(g, "west", to))
				}
			}
			want := "kubectl --context ctx-west apply -f rendered/west/datareplication.yaml\n"
			if tt.changed {
				want = all + "\n"
			}
			if diff := cmp.Diff(want, lines(g, "west", rebuilding)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	g := ringOf(t, `spec: {overlay: {components: [quota]}}`)
	for _, to := range []stage.Phase{joining, rebuilding, settling} {
		for _, c := range g.Commands(stage.Stage{Region: "west", To: to}, "out dir") {
			if strings.Contains(c.Run, "out dir") && !strings.Contains(c.Run, "'out dir/west") || strings.Contains(c.Run, "post-renderer") && !strings.HasSuffix(c.Run, "--post-renderer-args 'out dir/west'") {
				t.Errorf("%s: not quoted: %s", to, c.Run)
			}
		}
	}
	if got := lines(ringOf(t, `spec: {regions: {1: {overlay: {components: [quota]}}}}`), "east", installing); strings.Contains(got, "post-renderer") || strings.Contains(got, "rendered/east/\n") {
		t.Errorf("the overlay of another region:\n%s", got)
	}
}

// TestCommandsAreQuoted: a topology must not be able to run anything.
func TestCommandsAreQuoted(t *testing.T) {
	g := ringOf(t, `spec: {charts: {repository: "oci://x/$(id);y"}, regions: {1: {kubernetes: {context: "a b'; id"}}}}`)
	for _, to := range everyPhase {
		for _, c := range g.Commands(stage.Stage{Region: "west", To: to}, "out dir") {
			for _, raw := range []string{" oci://x/$(id)", "context a b", " out dir"} {
				if strings.Contains(c.Run, raw) {
					t.Errorf("%s: not quoted: %s", to, c.Run)
				}
			}
		}
	}
}

func FuzzQuote(f *testing.F) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		f.Skip("there is no shell")
	}
	for _, s := range []string{"a", "a b", "it's", "$(id)", "`id`", "a;b", "a\nb", `\`, `"`, "~", "*", "'", "''", "a&b", "#", "!", "{a,b}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" || strings.Contains(s, "\x00") {
			t.Skip("no word")
		}
		out, err := exec.Command(shell, "-c", "printf '%s|' "+system.Quote(s)).Output()
		if err != nil || string(out) != s+"|" {
			t.Errorf("%q is %s, which reads as %q (%v)", s, system.Quote(s), out, err)
		}
	})
}

// TestCommandsOfEveryStage: each stage of each procedure says what to run or
// to do, unless there is nothing to apply; and what is removed is what the
// release plan says.
func TestCommandsOfEveryStage(t *testing.T) {
	g := ringOf(t, twoOfEach)
	for _, p := range System().Procedures {
		for i, info := range p.Phases[1:] {
			region := "west"
			if p.Founds {
				region = "east"
			}
			s := stage.Stage{Region: region, Procedure: p, From: p.Phases[i].Phase, To: info.Phase}
			commands := g.Commands(s, "rendered")
			lost := p.Name == "purge" && info.Phase == stage.Gone // there is no cluster any more
			if (len(commands) == 0) != (info.Phase == stage.Serving || lost) {
				t.Errorf("%s to %s: %d commands", p.Name, info.Phase, len(commands))
			}
			var removed []string
			for _, c := range commands {
				if c.Comment == "" {
					t.Errorf("%s to %s: nothing says what %s is for", p.Name, info.Phase, c.Run)
				}
				if rest, ok := strings.CutPrefix(c.Run, "helm uninstall "); ok {
					name, _, _ := strings.Cut(rest, " ")
					removed = append(removed, name)
				}
			}
			if _, leave := g.releasesAt(info.Phase); len(leave) > 0 {
				if diff := cmp.Diff(g.Releases(s), removed); diff != "" {
					t.Errorf("%s to %s (-releases +commands):\n%s", p.Name, info.Phase, diff)
				}
			} else if len(removed) > 0 {
				t.Errorf("%s to %s removes %v", p.Name, info.Phase, removed)
			}
		}
	}
}
