package apigee

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/stage"
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
		"settling":   {settling, helm("datastore", "apigee-datastore", "") + "kubectl --context ctx-west -n apigee delete cassandradatareplication expand-west\n"},
		"serving":    {stage.Serving, ""},
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

// TestCommandsNameTheCluster: no command runs against whatever context happens
// to be the current one.
func TestCommandsNameTheCluster(t *testing.T) {
	g := ringOf(t, `{}`)
	for _, to := range []stage.Phase{installing, joining, rebuilding, settling} {
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

// TestCommandsAreQuoted: a topology must not be able to run anything.
func TestCommandsAreQuoted(t *testing.T) {
	g := ringOf(t, `spec: {charts: {repository: "oci://x/$(id);y"}, regions: {1: {kubernetes: {context: "a b'; id"}}}}`)
	for _, to := range []stage.Phase{joining, rebuilding, settling} {
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
		out, err := exec.Command(shell, "-c", "printf '%s|' "+quote(s)).Output()
		if err != nil || string(out) != s+"|" {
			t.Errorf("%q is %s, which reads as %q (%v)", s, quote(s), out, err)
		}
	})
}
