package apigee

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
)

// steps returns the steps of a region's release plan, in order.
func steps(t *testing.T, g *ring, region string, phase stage.Phase) []any {
	t.Helper()
	files, err := g.Render(stage.Progress{Region: region, Phase: phase})
	if err != nil {
		t.Fatal(err)
	}
	return at(t, files[1].Docs[0], "spec.steps").([]any)
}

func step(t *testing.T, steps []any, name string) *manifest.Map {
	t.Helper()
	i := slices.IndexFunc(steps, func(s any) bool { return at(t, s.(*manifest.Map), "name") == name })
	if i < 0 {
		t.Fatalf("there is no step %s", name)
	}
	return steps[i].(*manifest.Map)
}

func names(t *testing.T, steps []any) []string {
	t.Helper()
	list := make([]string, len(steps))
	for i, s := range steps {
		list[i] = fmt.Sprint(at(t, s.(*manifest.Map), "name"))
	}
	return list
}

func TestReleasePlanInOrder(t *testing.T) {
	g := ringOf(t, `spec: {environments: [{name: dev}, {name: prod}], environmentGroups: [{name: dev, tls: {secret: s}}]}`)
	releases := []string{"operator", "datastore", "telemetry", "redis", "ingress-manager", "acme-prod", "dev-env-release", "prod-env-release", "dev-envgroup-release"}
	tests := map[string]struct {
		region string
		phase  stage.Phase
		want   []string
	}{
		"founder":    {"east", installing, slices.Concat([]string{"cert-manager", "secrets", "custom-resource-definitions"}, releases)},
		"joining":    {"west", joining, slices.Concat([]string{"cert-manager", "secrets", "certificate-authority", "custom-resource-definitions"}, releases)},
		"rebuilding": {"west", rebuilding, slices.Concat([]string{"cert-manager", "secrets", "certificate-authority", "custom-resource-definitions"}, releases, []string{"rebuild"})},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			list := steps(t, g, tt.region, tt.phase)
			if diff := cmp.Diff(tt.want, names(t, list)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkWaits(t, list)
		})
	}
}

// checkWaits sees that the steps are in order, and that each but those by hand
// waits for something.
func checkWaits(t *testing.T, steps []any) {
	t.Helper()
	checkOrder(t, steps)
	for i, s := range steps {
		m := s.(*manifest.Map)
		waits, _ := at(t, m, "waitsFor").([]any)
		if kind := at(t, m, "kind"); kind != "Manual" && len(waits) == 0 {
			t.Errorf("%s waits for nothing", names(t, steps)[i])
		}
	}
}

// checkOrder sees that whatever a step waits for, or stands before, is there,
// on the right side of it.
func checkOrder(t *testing.T, steps []any) {
	t.Helper()
	order := names(t, steps)
	for i, s := range steps {
		m := s.(*manifest.Map)
		if before, ok := m.Get("before"); ok && slices.Index(order, before.(string)) <= i {
			t.Errorf("%s stands before %s", order[i], before)
		}
		waits, _ := at(t, m, "waitsFor").([]any)
		for _, w := range waits {
			on := at(t, w.(*manifest.Map), "step").(string)
			if j := slices.Index(order, on); j < 0 || j >= i {
				t.Errorf("%s waits for %s", order[i], on)
			}
			if until := at(t, w.(*manifest.Map), "until"); until == "" || until == nil {
				t.Errorf("%s does not say what of %s it waits for", order[i], on)
			}
		}
	}
}

func TestReleaseSteps(t *testing.T) {
	const repository = "oci://us-docker.pkg.dev/apigee-release/apigee-hybrid-helm-charts"
	const orgRuns = `[{"step":"acme-prod","until":"ApigeeOrganization/acme-prod-d2836b7 has status.state running"}]`
	tests := map[string]struct{ patch, step, want string }{
		"environment": {`{}`, "prod-env-release", `{"atomic":true,"chart":"apigee-env","kind":"HelmRelease","name":"prod-env-release","namespace":"apigee",` +
			`"repository":"` + repository + `","set":{"env":"prod"},"valuesFiles":["overrides.yaml"],"version":"1.16.0","waitsFor":` + orgRuns + `}`},
		"group": {`{}`, "public-envgroup-release", `{"atomic":true,"chart":"apigee-virtualhost","kind":"HelmRelease","name":"public-envgroup-release","namespace":"apigee",` +
			`"repository":"` + repository + `","set":{"envgroup":"public"},"valuesFiles":["overrides.yaml"],"version":"1.16.0","waitsFor":` + orgRuns + `}`},
		"own charts": {`spec: {charts: {path: ./charts}, version: 1.15.1, namespace: hybrid}`, "telemetry", `{"atomic":true,"chart":"apigee-telemetry","kind":"HelmRelease","name":"telemetry","namespace":"hybrid",` +
			`"path":"./charts","valuesFiles":["overrides.yaml"],"version":"1.15.1","waitsFor":[{"step":"datastore","until":"ApigeeDatastore/default has status.state running"}]}`},
		"another repository": {`spec: {charts: {repository: "oci://registry.example/charts"}}`, "custom-resource-definitions", `{"chart":"apigee-operator","forceConflicts":true,"kind":"ServerSideApply",` +
			`"kustomization":"etc/crds/default","name":"custom-resource-definitions","namespace":"apigee","repository":"oci://registry.example/charts","validate":false,"version":"1.16.0",` +
			`"waitsFor":[{"step":"cert-manager","until":"Deployment/cert-manager-webhook is available"}]}`},
		"certificate authority": {`{}`, "certificate-authority", `{"before":"operator","from":{"cluster":"c-east","context":"ctx-east","region":"east"},` +
			`"instruction":"Copy the Secret apigee-ca of namespace cert-manager from cluster c-east: all regions must share one certificate authority, or their Cassandra nodes refuse each other.",` +
			`"kind":"Manual","name":"certificate-authority","secret":{"name":"apigee-ca","namespace":"cert-manager"}}`},
		"rebuild": {`{}`, "rebuild", `{"file":"datareplication.yaml","kind":"Manifest","name":"rebuild","waitsFor":[` +
			`{"step":"acme-prod","until":"ApigeeOrganization/acme-prod-d2836b7 has status.state running"},{"step":"datastore","until":"nodetool status lists dc-1 and dc-2, every node UN"}]}`},
		"vault": {byVault, "identity", `{"before":"operator","instruction":"Install the Secrets Store CSI driver with its Vault provider, and create these SecretProviderClasses in namespace apigee.",` +
			`"kind":"Manual","name":"identity","secretProviderClasses":["org-class","prod-class"]}`},
		"workload identity": {byWorkload, "identity", `{"before":"operator","instruction":"Turn Workload Identity on in the cluster, and let the Kubernetes service accounts of namespace apigee act as the Google service accounts.","kind":"Manual","name":"identity"}`},
		"federated":         {byFederated, "identity", `{"before":"operator","instruction":"Set up the workload identity pool of audience aud, and let the Kubernetes service accounts of namespace apigee act as the Google service accounts.","kind":"Manual","name":"identity"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			list := steps(t, ringOf(t, tt.patch), "west", rebuilding)
			if diff := cmp.Diff(tt.want, text(t, step(t, list, tt.step))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkWaits(t, list)
		})
	}
}

// TestPinnedCharts: where charts of a repository are locked, the release plan
// says by which digest each is fetched.
func TestPinnedCharts(t *testing.T) {
	pinned := map[string]string{"apigee-operator": "sha256:op", "apigee-datastore": "sha256:ds", "apigee-env": "sha256:env", "apigee-other": "sha256:other"}
	tests := map[string]struct {
		patch  string
		pinned map[string]string
		want   map[string]any // digests by step
	}{
		"not locked": {`{}`, nil, nil},
		"locked": {`{}`, pinned, map[string]any{
			"custom-resource-definitions": "sha256:op", "operator": "sha256:op", "datastore": "sha256:ds", "prod-env-release": "sha256:env", "dev-env-release": "sha256:env",
		}},
		"a repository of its own": {`spec: {charts: {repository: "oci://registry.example/charts"}}`, map[string]string{"apigee-redis": "sha256:r"}, map[string]any{"redis": "sha256:r"}},
		"an empty digest":         {`{}`, map[string]string{"apigee-redis": ""}, nil},
		"of a folder":             {`spec: {charts: {path: charts}}`, map[string]string{"apigee-redis": "sha256:files"}, map[string]any{"redis": "sha256:files"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := ringOf(t, text(t, merge(map[string]any{"spec": map[string]any{"environments": decode(t, `[{name: prod}, {name: dev}]`)}}, decode(t, tt.patch))))
			g.Pinned = tt.pinned
			got := map[string]any{}
			for _, s := range steps(t, g, "west", joining) {
				m := s.(*manifest.Map)
				digest, ok := m.Get("digest")
				if !ok {
					continue
				}
				got[fmt.Sprint(at(t, m, "name"))] = digest
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	g := ringOf(t, `{}`)
	g.Pinned = pinned
	want := `{"atomic":true,"chart":"apigee-env","digest":"sha256:env","kind":"HelmRelease","name":"prod-env-release","namespace":"apigee","repository":"` + defaultRepository + `",` +
		`"set":{"env":"prod"},"valuesFiles":["overrides.yaml"],"version":"1.16.0","waitsFor":[{"step":"acme-prod","until":"ApigeeOrganization/acme-prod-d2836b7 has status.state running"}]}`
	if diff := cmp.Diff(want, text(t, step(t, steps(t, g, "west", joining), "prod-env-release"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for patch, want := range map[string]string{`{}`: defaultRepository, `spec: {charts: {repository: "oci://x/y"}}`: "oci://x/y"} {
		if got := ringOf(t, patch).Repository(); got != want {
			t.Errorf("the repository is %s, want %s", got, want)
		}
	}
}

// TestReleaseNames: valid for Helm, the same every time, and never the same for
// an environment and a group.
func TestReleaseNames(t *testing.T) {
	for got, want := range map[string]string{
		envRelease("dev"):                     "dev-env-release",
		groupRelease("dev"):                   "dev-envgroup-release",
		envRelease(strings.Repeat("e", 41)):   strings.Repeat("e", 41) + "-env-release",
		groupRelease(strings.Repeat("g", 36)): strings.Repeat("g", 36) + "-envgroup-release",
		groupRelease(strings.Repeat("g", 37)): strings.Repeat("g", 28) + "-0679a44-envgroup-release", // sha256sum's
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

func FuzzReleaseNames(f *testing.F) {
	f.Add("dev", "prod")
	f.Add(strings.Repeat("a", 63), strings.Repeat("a", 62)+"b")
	f.Add(strings.Repeat("-", 40), "x")
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = asName(a), asName(b)
		all := []string{envRelease(a), groupRelease(a)}
		if a != b {
			all = append(all, envRelease(b), groupRelease(b))
		}
		for i, name := range all {
			if len(name) > 53 || !label.MatchString(name) {
				t.Errorf("%s (%d)", name, len(name))
			}
			if slices.Index(all, name) != i {
				t.Errorf("%q and %q: %s is there twice in %v", a, b, name, all)
			}
		}
		if envRelease(a) != all[0] || groupRelease(a) != all[1] {
			t.Error("the second time it is another name")
		}
	})
}

// asName makes a name of an environment group of any text.
func asName(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteByte("abcdefghijklmnopqrstuvwxyz0123456789-"[int(c)%37])
	}
	name := strings.Trim(b.String()[:min(63, b.Len())], "-")
	if name == "" {
		return "x"
	}
	return name
}

// TestReleasesOfStages: what is applied or removed by each stage, in order.
func TestReleasesOfStages(t *testing.T) {
	g := ringOf(t, twoOfEach)
	all := []string{"operator", "datastore", "telemetry", "redis", "ingress-manager", "acme-prod", "dev-env-release", "prod-env-release", "dev-envgroup-release", "web-envgroup-release"}
	for to, want := range map[stage.Phase][]string{
		installing: all, joining: all, returning: all, purging: nil, rebuilding: nil, settling: {"datastore"}, stage.Serving: nil,
		draining:  {"dev-envgroup-release", "web-envgroup-release", "dev-env-release", "prod-env-release"},
		detaching: {"acme-prod"}, leaving: {"datastore"}, clearing: {"telemetry", "redis", "ingress-manager"}, closing: {"operator"}, stage.Gone: nil,
	} {
		if diff := cmp.Diff(want, g.Releases(stage.Stage{Region: "west", To: to})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", to, diff)
		}
	}
	if got := g.Releases(stage.Stage{Region: "west", From: rebuilding, To: joining}); got != nil {
		t.Errorf("a rebuild that was aborted applies %v", got)
	}
	if got := g.Releases(stage.Stage{Region: "west", From: detaching, To: joining}); !slices.Equal(got, all) {
		t.Errorf("a withdrawal that was aborted applies %v", got)
	}
}

const twoOfEach = `spec: {environments: [{name: dev}, {name: prod}], environmentGroups: [{name: dev, tls: {secret: s}}, {name: web, tls: {secret: s}}]}`

// TestReleasesByPhase holds which releases stay and which leave at each phase:
// environments and virtual hosts first, the operator last and alone.
func TestReleasesByPhase(t *testing.T) {
	envs := []string{"dev-env-release", "prod-env-release", "dev-envgroup-release", "web-envgroup-release"}
	core := []string{"operator", "datastore", "telemetry", "redis", "ingress-manager"}
	all := slices.Concat(core, []string{"acme-prod"}, envs)
	tests := map[stage.Phase]struct{ stay, leave []string }{
		installing: {all, nil}, joining: {all, nil}, rebuilding: {all, nil}, settling: {all, nil}, stage.Serving: {all, nil}, returning: {all, nil},
		draining:  {append(slices.Clone(core), "acme-prod"), []string{"dev-envgroup-release", "web-envgroup-release", "dev-env-release", "prod-env-release"}},
		detaching: {core, []string{"acme-prod"}},
		leaving:   {[]string{"operator", "telemetry", "redis", "ingress-manager"}, []string{"datastore"}},
		clearing:  {[]string{"operator"}, []string{"telemetry", "redis", "ingress-manager"}},
		closing:   {nil, []string{"operator"}},
	}
	g := ringOf(t, twoOfEach)
	for phase, tt := range tests {
		t.Run(string(phase), func(t *testing.T) {
			var stay, leave []string
			now, gone := g.releasesAt(phase)
			for _, rel := range now {
				stay = append(stay, rel.name)
			}
			for _, rel := range gone {
				leave = append(leave, rel.name)
			}
			if diff := cmp.Diff(tt.stay, stay); diff != "" {
				t.Errorf("stay (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.leave, leave); diff != "" {
				t.Errorf("leave (-want +got):\n%s", diff)
			}
			list := steps(t, g, "west", phase)
			var releases, uninstalls []string
			checkOrder(t, list)
			for _, s := range list {
				m := s.(*manifest.Map)
				switch at(t, m, "kind") {
				case "HelmRelease":
					releases = append(releases, fmt.Sprint(at(t, m, "name")))
				case "Uninstall":
					uninstalls = append(uninstalls, fmt.Sprint(at(t, m, "release")))
					if len(releases) > 0 {
						t.Errorf("%s leaves after %v", at(t, m, "release"), releases)
					}
				}
			}
			if diff := cmp.Diff([2][]string{tt.stay, tt.leave}, [2][]string{releases, uninstalls}); diff != "" {
				t.Errorf("the release plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUninstallSteps(t *testing.T) {
	list := steps(t, ringOf(t, `{}`), "west", draining)
	var got []string
	for _, s := range list[:2] {
		got = append(got, text(t, s))
	}
	want := []string{
		`{"chart":"apigee-virtualhost","kind":"Uninstall","name":"uninstall-public-envgroup-release","namespace":"apigee","release":"public-envgroup-release"}`,
		`{"chart":"apigee-env","kind":"Uninstall","name":"uninstall-prod-env-release","namespace":"apigee","release":"prod-env-release",` +
			`"waitsFor":[{"step":"uninstall-public-envgroup-release","until":"release public-envgroup-release and its pods are gone"}]}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if list := steps(t, ringOf(t, `{}`), "west", closing); len(list) != 1 {
		t.Errorf("the operator does not leave alone: %v", names(t, list))
	}
}
