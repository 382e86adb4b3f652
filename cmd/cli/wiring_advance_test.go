package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"

	"gopkg.in/yaml.v3"

	"github.com/ringplan/ringplan/pkg/live/livetest"
)

const advanceDir = ".github/actions/advance"

// A pull is a pull request of a forge.
type pull struct {
	Number             int
	State, Title, Body string
	Head, Base         string
	SHA                string
}

func (f forge) pulls() []pull {
	var list []pull
	if data, err := os.ReadFile(filepath.Join(f.dir, "pulls.json")); err == nil {
		if err := json.Unmarshal(data, &list); err != nil {
			panic(err)
		}
	}
	return list
}

func (f forge) keepPulls(list []pull) {
	data, err := json.Marshal(list)
	if err := errors.Join(err, os.WriteFile(filepath.Join(f.dir, "pulls.json"), data, 0o644)); err != nil {
		panic(err)
	}
}

// fakePulls is `gh api` of pull requests.
func fakePulls(args []string) (string, error) {
	f, method, format, where := forge{os.Getenv(forgeVar)}, "GET", "", ""
	fields := map[string]string{}
	for i := 1; i < len(args); i++ {
		switch args[i] {
		case "--method", "--template", "--field":
			i++
			switch args[i-1] {
			case "--method":
				method = args[i]
			case "--template":
				format = args[i]
			default:
				name, value, _ := strings.Cut(args[i], "=")
				fields[name] = value
			}
		case "--silent":
		default:
			where = args[i]
		}
	}
	f.log(method + " " + where)
	if refused := os.Getenv(refuseVar); refused != "" {
		return "", errors.New("gh: " + refused)
	}
	if os.Getenv("GH_TOKEN") != "secret" {
		return "", errors.New("gh: HTTP 401")
	}
	if method == "GET" {
		return listPulls(f, where, format)
	}
	body, err := os.ReadFile(strings.TrimPrefix(fields["body"], "@"))
	if err != nil || fields["title"] == "" {
		return "", fmt.Errorf("gh: HTTP 422 %v: %w", fields, err)
	}
	list := f.pulls()
	if number, one := strings.CutPrefix(where, "repos/o/r/pulls/"); one {
		for i := range list {
			if fmt.Sprint(list[i].Number) == number && method == "PATCH" {
				list[i].Title, list[i].Body = fields["title"], string(body)
				f.keepPulls(list)
				return "", nil
			}
		}
		return "", errors.New("gh: HTTP 404")
	}
	for _, p := range list {
		if p.Head == fields["head"] && p.State == "open" {
			return "", errors.New("gh: HTTP 422 there is one already")
		}
	}
	f.keepPulls(append(list, pull{Number: 7 + len(list), State: "open", Title: fields["title"], Body: string(body), Head: fields["head"], Base: fields["base"]}))
	return "", nil
}

// listPulls lists the pull requests of a branch, as GitHub does: their commit is
// that of the branch, as long as they are open.
func listPulls(f forge, where, format string) (string, error) {
	address, err := url.Parse(where)
	if err != nil {
		return "", err
	}
	q := address.Query()
	list := f.pulls()
	found := []any{}
	for i, p := range list {
		if out, err := exec.Command("git", "--git-dir", filepath.Join(f.dir, "origin"), "rev-parse", "--verify", "--quiet", "refs/heads/"+p.Head).Output(); err == nil && p.State == "open" {
			list[i].SHA = strings.TrimSpace(string(out))
		}
		if q.Get("head") == "o:"+p.Head && q.Get("base") == p.Base && q.Get("state") == "all" {
			found = append(found, map[string]any{"number": float64(p.Number), "state": p.State, "head": map[string]any{"sha": list[i].SHA}})
		}
	}
	f.keepPulls(list)
	var b strings.Builder
	err = template.Must(template.New("").Parse(format)).Execute(&b, found)
	return b.String(), err
}

func readAdvance(t *testing.T) action {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("../..", advanceDir))
	if err != nil {
		t.Fatal(err)
	}
	a := action{dir: dir}
	if err := yaml.Unmarshal([]byte(readText(t, filepath.Join(dir, "action.yml"))), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// An advanceRig is a repository with a region that is being installed, a clone of
// it, and the region's cluster.
type advanceRig struct {
	*rig
	action  action
	cluster *apigeeCluster
	kube    string
}

func newAdvanceRig(t *testing.T) *advanceRig {
	t.Helper()
	a := readAdvance(t) // before the working folder is another
	r := &advanceRig{rig: newRig(t), action: a, cluster: newApigeeCluster(t)}
	r.kube = livetest.Kubeconfig(t, map[string]string{"cluster-1": r.cluster.URL})
	r.cluster.nodetool("status", listed(1), 0)
	r.state("creating")
	r.cluster.Put(map[string]any{
		"apiVersion": "apigee.cloud.google.com/v1alpha2", "kind": "ApigeeOrganization",
		"metadata": map[string]any{"name": "my-org-c6f029e", "namespace": "apigee"}, "status": map[string]any{"state": "running"},
	})
	mustRun(t, "advance", "region-1")
	r.commit(t, "region-1: planned to installing")
	origin := filepath.Join(r.forge.dir, "origin")
	git(t, "clone", "--quiet", "--bare", ".", origin)
	git(t, "remote", "add", "origin", origin)
	return r
}

func (r *advanceRig) state(state string) {
	object := runningDatastore(1, "")
	set(object, state, "status", "state")
	r.cluster.Put(object)
}

// advances runs the action, and returns what came of it.
func (r *advanceRig) advances(t *testing.T, values map[string]string, runner ...string) ran {
	t.Helper()
	e := event{values: map[string]string{"inputs.base": "main", "inputs.exec": "true"}}
	for name, value := range values {
		e.values[name] = value
	}
	e.runner = append([]string{"GITHUB_EVENT_NAME=schedule", "GITHUB_REF=refs/heads/main", "KUBECONFIG=" + r.kube}, runner...)
	return r.act(t, r.action, e)
}

// at returns the commit of a branch of the origin, or "".
func (r *advanceRig) at(branch string) string {
	out, _ := exec.Command("git", "--git-dir", filepath.Join(r.forge.dir, "origin"), "rev-parse", "--verify", "--quiet", "refs/heads/"+branch).Output()
	return strings.TrimSpace(string(out))
}

const proposal = "ringplan/my-topology/region-1"

// TestWiringAdvance proposes a step once its gate is open: one pull request,
// which stays the same until the branch that it is for goes on.
func TestWiringAdvance(t *testing.T) {
	r := newAdvanceRig(t)
	main := r.at("main")
	closed := r.advances(t, nil)
	if closed.code != 0 || r.at(proposal) != "" || len(r.forge.pulls()) > 0 || closed.outputs["regions"] != "" {
		t.Fatalf("the gate is not open: exit code %d\n%s", closed.code, closed.said)
	}
	wantText(t, "the log", closed.said, "is not open: waiting", "region-1: its gate is not open\n")

	r.state("running")
	first := r.advances(t, nil)
	pulls, step := r.forge.pulls(), r.at(proposal)
	if first.code != 0 || len(pulls) != 1 || step == "" || r.at("main") != main || first.outputs["regions"] != "region-1" {
		t.Fatalf("exit code %d, pull requests %+v\n%s", first.code, pulls, first.said)
	}
	if p := pulls[0]; p.Title != "region-1: installing to serving" || p.Head != proposal || p.Base != "main" || !strings.HasPrefix(p.Body, reportMark+"\n") {
		t.Errorf("pull request %+v", p)
	}
	if parent := revision(t, step+"^"); parent != main {
		t.Errorf("the step stands on %s, not on %s", parent, main)
	}
	git(t, "checkout", "--quiet", step)
	mustRun(t, "verify", "--base", main)

	// Again: nothing is pushed, and nobody is told.
	again := r.advances(t, nil)
	if again.code != 0 || r.at(proposal) != step || len(r.forge.pulls()) != 1 || strings.Contains(again.said, "::notice") || strings.Count(r.forge.asked(), "P") != strings.Count(r.forge.asked(), "POST") {
		t.Errorf("exit code %d, asked\n%s%s", again.code, r.forge.asked(), again.said)
	}

	// The branch goes on: the step is taken anew, in the same pull request.
	git(t, "checkout", "--quiet", "main")
	write(t, "README.md", "more\n")
	r.commit(t, "more")
	git(t, "push", "--quiet", "origin", "main")
	main = r.at("main")
	later := r.advances(t, nil)
	pulls = r.forge.pulls()
	if later.code != 0 || len(pulls) != 1 || r.at(proposal) == step || revision(t, r.at(proposal)+"^") != main || r.at("main") != main {
		t.Errorf("exit code %d, pull requests %+v\n%s", later.code, pulls, later.said)
	}
	wantText(t, "the requests", r.forge.asked(), "PATCH repos/o/r/pulls/7\n")

	// Somebody closes it: that is an answer.
	r.advances(t, nil)
	pulls = r.forge.pulls()
	pulls[0].State = "closed"
	r.forge.keepPulls(pulls)
	over := r.advances(t, nil)
	if over.code != 0 || len(r.forge.pulls()) != 1 || over.outputs["regions"] != "" {
		t.Errorf("exit code %d, pull requests %+v\n%s", over.code, r.forge.pulls(), over.said)
	}
	wantText(t, "the log", over.said, "delete the branch "+proposal+" to have it proposed anew")
	if status, err := exec.Command("git", "status", "--porcelain").Output(); err != nil || len(status) > 0 {
		t.Errorf("left behind: %s, %v", status, err)
	}
}

// TestWiringAdvanceUnknown takes no cluster that does not answer for an open
// gate, nor for a failure of the job.
func TestWiringAdvanceUnknown(t *testing.T) {
	r := newAdvanceRig(t)
	r.state("running")
	r.cluster.Refuse("/", http.StatusServiceUnavailable, "ServiceUnavailable")
	for name, values := range map[string]map[string]string{"a cluster that cannot answer": nil, "nodetool is not allowed": {"inputs.exec": "false"}} {
		done := r.advances(t, values)
		if done.code != 0 || r.at(proposal) != "" || len(r.forge.pulls()) > 0 || !strings.Contains(done.said, "is not open: unknown") {
			t.Errorf("%s: exit code %d\n%s", name, done.code, done.said)
		}
	}
}

// TestWiringAdvanceFails ends with an error where something is wrong, and leaves
// the branch to merge into alone.
func TestWiringAdvanceFails(t *testing.T) {
	elsewhere := livetest.Kubeconfig(t, map[string]string{"elsewhere": "http://127.0.0.1:1"})
	for name, c := range map[string]struct {
		values map[string]string
		runner []string
		want   string
	}{
		"no kubeconfig":      {nil, []string{"KUBECONFIG=", "HOME=/nowhere"}, "the kubeconfig (/nowhere/.kube/config) is empty or not there"},
		"an empty one":       {nil, []string{"KUBECONFIG=/dev/null:/nowhere"}, "the kubeconfig (/dev/null:/nowhere) is empty or not there"},
		"a folder":           {nil, []string{"KUBECONFIG=/", "HOME=/nowhere"}, "the kubeconfig cannot be read"},
		"no such context":    {nil, []string{"KUBECONFIG=" + elsewhere}, "context cluster-1: there is no such context"},
		"an expired token":   {nil, nil, "the cluster does not accept the credentials of the context"},
		"no such region":     {map[string]string{"inputs.regions": "\n region-9 \n"}, nil, "has no region region-9"},
		"gh refuses":         {nil, []string{refuseVar + "=HTTP 403"}, "gh: HTTP 403"},
		"its own branch":     {map[string]string{"inputs.base": proposal}, nil, "is the branch to merge into"},
		"no branch":          {map[string]string{"inputs.base": ""}, nil, "name the branch"},
		"no such branch":     {map[string]string{"inputs.base": "nowhere"}, nil, "nowhere"},
		"verify refuses":     {nil, nil, "its step could not be proposed (code 1)"},
		"rendered otherwise": {map[string]string{"inputs.base": "odd"}, nil, "is not what the topology and the rollout say"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newAdvanceRig(t)
			r.state("running")
			if name == "an expired token" {
				r.cluster.Refuse("/", http.StatusUnauthorized, "Unauthorized")
			}
			switch c.values["inputs.base"] {
			case proposal:
				git(t, "push", "--quiet", "origin", "main:refs/heads/"+proposal)
			case "odd":
				git(t, "checkout", "--quiet", "-b", "odd")
				write(t, "rendered/region-1/overrides.yaml", "odd: true\n")
				r.commit(t, "odd")
				git(t, "push", "--quiet", "origin", "odd")
			}
			if name == "verify refuses" {
				i := slices.IndexFunc(r.env, func(v string) bool { return strings.HasPrefix(v, "PATH=") && v != "PATH="+os.Getenv("PATH") })
				c.runner = []string{"PATH=" + refusing(t) + string(os.PathListSeparator) + strings.TrimPrefix(r.env[i], "PATH=")}
			}
			main, own := r.at("main"), r.at(proposal)
			done := r.advances(t, c.values, c.runner...)
			if done.code == 0 || len(r.forge.pulls()) > 0 || r.at("main") != main || r.at(proposal) != own {
				t.Errorf("exit code %d\n%s", done.code, done.said)
			}
			wantText(t, "the log", done.said, c.want)
		})
	}
}

// refusing returns a folder with a ringplan whose verify finds something.
func refusing(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("ringplan")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := "#!/bin/sh\nif [ \"$1\" = verify ]; then exit 3; fi\nexec '" + program + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "ringplan"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestWiringAdvanceAction reads the action and the example of a workflow.
func TestWiringAdvanceAction(t *testing.T) {
	a := readAdvance(t)
	for _, step := range a.Runs.Steps {
		if problem := stepProblem(step); problem != "" {
			t.Errorf("%s: %s", step.Name, problem)
		}
	}
	var workflow struct {
		On struct {
			Schedule []struct{ Cron string }
		}
		Permissions map[string]string
		Concurrency struct {
			Cancel bool `yaml:"cancel-in-progress"`
		}
		Jobs map[string]struct {
			Steps []struct {
				Uses string
				With map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(readText(t, "../../examples/ci/advance.yaml")), &workflow); err != nil {
		t.Fatal(err)
	}
	action := readText(t, filepath.Join(a.dir, "action.yml"))
	known := map[string]string{"github.event.repository.default_branch": "trunk", "github.ref_name": "change"}
	if base := a.expand(t, known, a.Inputs["base"].Default); base != "trunk" {
		t.Errorf("pull requests go into %q", base)
	}
	for name, need := range workflow.Permissions {
		wantText(t, "action.yml", action, fmt.Sprintf("#   %-24s", name+": "+need))
	}
	steps := workflow.Jobs["advance"].Steps
	if len(workflow.Permissions) != 2 || len(workflow.On.Schedule) != 1 || workflow.Concurrency.Cancel || len(steps) != 3 ||
		steps[0].With["fetch-depth"] != "0" || !strings.HasPrefix(steps[2].Uses, "ringplan/ringplan/"+advanceDir+"@") {
		t.Fatalf("the workflow is %+v", workflow)
	}
	for name := range steps[2].With {
		if _, there := a.Inputs[name]; !there {
			t.Errorf("the action has no input %s", name)
		}
	}
	script := filepath.Join(a.dir, "advance.sh")
	if out, err := exec.Command("bash", "-n", script).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if shellcheck, err := exec.LookPath("shellcheck"); err == nil {
		if out, err := exec.Command(shellcheck, "--external-sources", "--source-path=SCRIPTDIR", script).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}
