package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"gopkg.in/yaml.v3"
)

// What stands around the program: the GitHub action, the examples for CI, the
// hooks of pre-commit, the plugin of kubectl and the completion of shells.

const (
	actionDir   = ".github/actions/ringplan"
	reportMark  = "<!-- ringplan report -->"
	nastyReport = reportMark + "\n## \"a\" 'b' `c` $(touch pwned) \\n %0A é 🚀 @nobody & + = #\r\n\n| x |\n{\"id\":1,\"body\":\"" + reportMark + "\"}\ttab\n"
	forgeVar    = "RINGPLAN_TEST_FORGE"  // the folder where a forge keeps its comments
	refuseVar   = "RINGPLAN_TEST_REFUSE" // what it answers, if it refuses to change anything
)

// init makes this test binary the gh or the curl that scripts find on their
// PATH, with a folder for a forge.
func init() {
	if os.Getenv(forgeVar) == "" {
		return
	}
	switch strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe") {
	case "gh":
		os.Exit(answer(fakeGH(os.Args[1:])))
	case "curl":
		os.Exit(answer(fakeCurl(os.Args[1:])))
	}
}

func answer(said string, err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Print(said)
	return 0
}

// A remark is a comment of GitHub or a note of GitLab.
type remark struct {
	ID     int64  `json:"id"`
	Type   any    `json:"type"`
	Body   string `json:"body"`
	Author *user  `json:"author"`
	User   *user  `json:"user"`
}

type user struct {
	ID       int64  `json:"id"`
	Login    string `json:"login"`
	Username string `json:"username"`
}

// me is whose token the scripts have.
var me = &user{ID: 4, Login: "github-actions[bot]", Username: "project_bot"}

// A forge keeps remarks and what it was asked in a folder.
type forge struct{ dir string }

func (f forge) remarks() []remark {
	var list []remark
	if data, err := os.ReadFile(filepath.Join(f.dir, "remarks.json")); err == nil {
		if err := json.Unmarshal(data, &list); err != nil {
			panic(err)
		}
	}
	return list
}

func (f forge) keep(list []remark) {
	data, err := json.Marshal(list)
	if err := errors.Join(err, os.WriteFile(filepath.Join(f.dir, "remarks.json"), data, 0o644)); err != nil {
		panic(err)
	}
}

// log adds a request to those that asked returns.
func (f forge) log(request string) {
	file, err := os.OpenFile(filepath.Join(f.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(file, request)
	file.Close()
}

func (f forge) asked() string {
	data, _ := os.ReadFile(filepath.Join(f.dir, "log"))
	return string(data)
}

// change writes a remark: a new one, or with a number that one.
func (f forge) change(number, body string) error {
	list := f.remarks()
	if number == "" {
		next := int64(3_000_000_001) // as large as those of GitHub are
		for _, r := range list {
			next = max(next, r.ID+1)
		}
		f.keep(append(list, remark{ID: next, Body: body, Author: me, User: me}))
		return nil
	}
	i := slices.IndexFunc(list, func(r remark) bool { return strconv.FormatInt(r.ID, 10) == number })
	if i < 0 {
		return errors.New("HTTP 404")
	}
	list[i].Body = body
	f.keep(list)
	return nil
}

// pages cuts a list into pages of two.
func pages(list []remark) [][]remark {
	all := slices.Collect(slices.Chunk(list, 2))
	if len(all) == 0 {
		return [][]remark{nil}
	}
	return all
}

// fakeGH is `gh api`, as far as comment.sh needs it: of one pull request; and
// advance.sh, which makes some.
func fakeGH(args []string) (string, error) {
	if slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "repos/o/r/pulls") }) {
		return fakePulls(args)
	}
	f, method, field, format, paginate, where := forge{os.Getenv(forgeVar)}, "GET", "", "", false, ""
	for i := 1; i < len(args); i++ {
		switch args[i] {
		case "--method":
			i++
			method = args[i]
		case "--field":
			i++
			field = args[i]
		case "--template":
			i++
			format = args[i]
		case "--paginate":
			paginate = true
		case "--silent":
		default:
			where = args[i]
		}
	}
	f.log(method + " " + where)
	if refused := os.Getenv(refuseVar); refused != "" && method != "GET" {
		return "", errors.New("gh: " + refused)
	}
	if os.Getenv("GH_TOKEN") != "secret" || args[0] != "api" {
		return "", errors.New("gh: HTTP 401")
	}
	if method != "GET" {
		file, ok := strings.CutPrefix(field, "body=@")
		body, err := os.ReadFile(file)
		number, one := strings.CutPrefix(where, "repos/o/r/issues/comments/")
		if !ok || err != nil || one != (method == "PATCH") || !one && where != "repos/o/r/issues/5/comments" {
			return "", fmt.Errorf("gh: HTTP 422 %v %w", args, err)
		}
		if !one {
			number = ""
		}
		return "", f.change(number, string(body))
	}
	if where != "repos/o/r/issues/5/comments?per_page=100" || !paginate {
		return "", errors.New("gh: HTTP 404")
	}
	var b strings.Builder
	for _, page := range pages(f.remarks()) {
		data, _ := json.Marshal(page)
		var read any // numbers become floats, as in gh
		if err := json.Unmarshal(data, &read); err != nil {
			return "", err
		}
		if err := template.Must(template.New("").Parse(format)).Execute(&b, read); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// fakeCurl is curl, as far as gitlab-ci.yml needs it: the API of GitLab, of one
// merge request.
func fakeCurl(args []string) (string, error) {
	f, method, body, where := forge{os.Getenv(forgeVar)}, "GET", "", ""
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "--request":
			i++
			method = args[i]
		case "--data-urlencode":
			i++
			data, err := os.ReadFile(strings.TrimPrefix(args[i], "body@"))
			if err != nil || !strings.HasPrefix(args[i], "body@") {
				return "", fmt.Errorf("curl: %s: %w", args[i], err)
			}
			if body = string(data); method == "GET" {
				method = "POST"
			}
		case "--config", "--output":
			i++
		case "--silent", "--show-error", "--fail":
		default:
			where = args[i]
		}
	}
	f.log(method + " " + where)
	config, _ := io.ReadAll(os.Stdin)
	if string(config) != "header = \"PRIVATE-TOKEN: secret\"\n" {
		return "", fmt.Errorf("curl: HTTP 401 %q", config)
	}
	if refused := os.Getenv(refuseVar); refused != "" && method != "GET" {
		return "", errors.New("curl: (22) " + refused)
	}
	const notes = "https://gitlab.example/api/v4/projects/9/merge_requests/5/notes"
	address, err := url.Parse(where)
	if err != nil {
		return "", err
	}
	query := address.Query()
	address.RawQuery = ""
	number, one := strings.CutPrefix(address.String(), notes+"/")
	switch {
	case address.String() == "https://gitlab.example/api/v4/user":
		return `{"id":4,"username":"project_bot","state":"active"}`, nil
	case address.String() == notes && method == "POST":
		return "{}", f.change("", body)
	case one && method == "PUT":
		return "{}", f.change(number, body)
	case address.String() == notes && method == "GET":
		page, _ := strconv.Atoi(query.Get("page"))
		list := []remark{}
		if all := pages(f.remarks()); page <= len(all) && all[page-1] != nil {
			list = all[page-1]
		}
		data, err := json.Marshal(list) // which writes < as \u003c, as GitLab may
		if page%2 == 0 {
			data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte(`\u003c`), []byte("<")), []byte(`\u003e`), []byte(">"))
		}
		return string(data), err
	}
	return "", fmt.Errorf("curl: (22) HTTP 404 %s %s", method, where)
}

// A stage on which scripts run: a repository that is the working folder, a
// forge, and a PATH with its tools.
type rig struct {
	forge forge
	root  string // of this project
	temp  string
	env   []string
}

// newRig makes a repository with a topology, on branch change of origin/main.
func newRig(t *testing.T) *rig {
	t.Helper()
	for _, tool := range []string{"bash", "git", "sh", "awk"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{forge: forge{t.TempDir()}, root: root, temp: t.TempDir()}
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"gh", "curl"} {
		if err := os.Symlink(self, filepath.Join(bin, tool)); err != nil {
			t.Skip(err)
		}
	}
	r.env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return slices.ContainsFunc([]string{"RINGPLAN_", "GITHUB_", "CI", "GIT_"}, func(p string) bool { return strings.HasPrefix(variable, p) })
	})
	r.env = append(r.env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+r.temp, "GIT_CONFIG_NOSYSTEM=1",
		"RUNNER_TEMP="+r.temp, forgeVar+"="+r.forge.dir)
	t.Chdir(t.TempDir())
	git(t, "init", "--quiet", "--initial-branch", "main")
	mustRun(t, "init")
	r.commit(t, "one")
	git(t, "branch", "base")
	return r
}

func (r *rig) commit(t *testing.T, message string) {
	t.Helper()
	git(t, "add", "--all")
	git(t, "commit", "--quiet", "--message", message)
}

// edit replaces a text of the topology, and commits that.
func (r *rig) edit(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile("topology.yaml")
	if err != nil || !bytes.Contains(data, []byte(from)) {
		t.Fatal(from, err)
	}
	write(t, "topology.yaml", strings.Replace(string(data), from, to, 1))
	r.commit(t, "edit")
}

func (r *rig) good(t *testing.T) { r.edit(t, "replicas: 3", "replicas: 6") }
func (r *rig) bad(t *testing.T)  { r.edit(t, "pods: [10.101.0.0/16]", "pods: [10.100.0.0/16]") }

// run runs a command with more variables, and returns its exit code and all it
// says.
func (r *rig) run(t *testing.T, env []string, name string, args ...string) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = slices.Concat(r.env, env)
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(said)
}

// bodies lists the texts of the remarks.
func (f forge) bodies() []string {
	var texts []string
	for _, r := range f.remarks() {
		texts = append(texts, r.Body)
	}
	return texts
}

func readText(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func wantText(t *testing.T, where, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not hold %q:\n%s", where, want, text)
		}
	}
}

type action struct {
	dir     string // where its scripts are
	Inputs  map[string]struct{ Description, Default string }
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []actionStep
	}
}

type actionStep struct {
	Name, ID, If, Uses, Run, Shell string
	With, Env                      map[string]string
	Tolerated                      bool `yaml:"continue-on-error"`
}

func readAction(t *testing.T) action {
	t.Helper()
	var a action
	dir, err := filepath.Abs(filepath.Join("../..", actionDir))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(readText(t, filepath.Join(dir, "action.yml"))), &a); err != nil {
		t.Fatal(err)
	}
	a.dir = dir
	return a
}

// scripts lists the scripts of the action.
func scripts(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join("../..", actionDir, "*.sh"))
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	return list
}

var (
	scriptOf     = regexp.MustCompile(`^bash "\$GITHUB_ACTION_PATH/((?:\.\./ringplan/)?[a-z]+\.sh)"$`)
	pinned       = regexp.MustCompile(`^(actions|github)/[a-z/-]+@(v[0-9]+(\.[0-9]+){0,2}|[0-9a-f]{40})$`)
	shellComment = regexp.MustCompile(`(?m)^\s*#.*$`)
	variableUsed = regexp.MustCompile(`\$\{?([A-Z][A-Z0-9_]*)`)
	outputMade   = regexp.MustCompile(`(?m)^\s*output ([a-z-]+) `)
)

// ofRunner are the variables that every step has.
var ofRunner = []string{"RUNNER_TEMP", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY", "GITHUB_REPOSITORY", "GITHUB_EVENT_NAME", "GITHUB_REF", "GITHUB_ACTION_PATH"}

// TestWiringAction reads action.yml: every step can run, nothing from outside
// gets into a script as text, and scripts get exactly the variables they read.
func TestWiringAction(t *testing.T) {
	a := readAction(t)
	if a.Runs.Using != "composite" {
		t.Errorf("the action is %q, not composite", a.Runs.Using)
	}
	for name, input := range a.Inputs {
		if input.Description == "" {
			t.Errorf("input %s has no description", name)
		}
	}
	used := map[string]bool{"common.sh": true}
	for _, step := range a.Runs.Steps {
		if problem := stepProblem(step); problem != "" {
			t.Errorf("%s: %s", step.Name, problem)
		}
		name := scriptOf.FindStringSubmatch(step.Run)
		if name == nil {
			continue
		}
		used[name[1]] = true
		text := shellComment.ReplaceAllString(readText(t, filepath.Join("../..", actionDir, name[1])), "")
		if strings.Contains(text, "common.sh") {
			text += shellComment.ReplaceAllString(readText(t, filepath.Join("../..", actionDir, "common.sh")), "")
		}
		read := map[string]bool{}
		for _, m := range variableUsed.FindAllStringSubmatch(text, -1) {
			read[m[1]] = true
		}
		for variable := range read {
			_, given := step.Env[variable]
			made := strings.Contains(text, "export "+variable+"=")
			if variable != "BASH_SOURCE" && variable != "TARGETS" && !given && !made && !slices.Contains(ofRunner, variable) {
				t.Errorf("%s reads %s, and the step does not give it", name[1], variable)
			}
		}
		for variable := range step.Env {
			if !read[variable] && variable != "GH_TOKEN" {
				t.Errorf("%s does not read %s, which the step gives it", name[1], variable)
			}
		}
	}
	for _, file := range scripts(t) {
		if !used[filepath.Base(file)] {
			t.Errorf("no step runs %s", file)
		}
	}
}

// stepProblem tells what is wrong with a step, or nothing.
func stepProblem(s actionStep) string {
	switch {
	case s.Name == "":
		return "a step has no name"
	case (s.Uses == "") == (s.Run == ""):
		return "a step either uses or runs something"
	case s.Run != "" && s.Shell != "bash":
		return "run wants a shell: bash"
	case strings.Contains(s.Run, "${{"):
		return "an expression inside of run becomes a part of the script: " + s.Run
	case s.Uses != "" && !pinned.MatchString(s.Uses):
		return s.Uses + " is no action of GitHub's own at a version"
	case s.Run != "" && strings.Contains(s.Run, ".sh") && !scriptOf.MatchString(s.Run):
		return "it runs no script beside action.yml: " + s.Run
	}
	return ""
}

// TestWiringStepProblem sees that each guard on steps holds.
func TestWiringStepProblem(t *testing.T) {
	for _, s := range []actionStep{
		{Uses: "actions/checkout@v4"},
		{Name: "a"},
		{Name: "a", Uses: "actions/checkout@v4", Run: "true", Shell: "bash"},
		{Name: "a", Run: "true"},
		{Name: "a", Run: "echo ${{ inputs.path }}", Shell: "bash"},
		{Name: "a", Run: "echo ${{ github.event.pull_request.title }}", Shell: "bash"},
		{Name: "a", Uses: "actions/checkout@main"},
		{Name: "a", Uses: "someone/comment@v1"},
		{Name: "a", Run: "bash ./verify.sh", Shell: "bash"},
	} {
		if stepProblem(s) == "" {
			t.Errorf("nothing is said of %+v", s)
		}
	}
}

// TestWiringShell has bash read every script, and shellcheck look for what
// bash takes and nobody means.
func TestWiringShell(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	job := filepath.Join(t.TempDir(), "gitlab.sh")
	write(t, job, "#!/bin/sh\nset -e\n"+gitlabScript(t))
	files := append(scripts(t), "../../examples/ci/generic.sh", job)
	for _, file := range files {
		if out, err := exec.Command(bash, "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
		if text := readText(t, file); strings.Contains(file, actionDir) && filepath.Base(file) != "common.sh" && !strings.Contains(text, "\nset -euo pipefail\n") {
			t.Errorf("%s goes on after an error", file)
		}
	}
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("the scripts are read by bash only: ", err)
	}
	if out, err := exec.Command(shellcheck, append([]string{"--external-sources", "--source-path=SCRIPTDIR"}, files...)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// An event is what an action is run for, with what the runner says of it.
type event struct {
	values  map[string]string // of expressions: inputs.path, github.event.…
	runner  []string          // variables
	failing []string          // actions that fail
}

// pullRequest is the event of a pull request from a repository.
func pullRequest(t *testing.T, from string) event {
	return event{
		values: map[string]string{
			"github.event.pull_request.number": "5", "github.event.pull_request.base.sha": revision(t, "base"),
			"github.event.pull_request.head.repo.full_name": from,
		},
		runner: []string{"GITHUB_EVENT_NAME=pull_request", "GITHUB_REF=refs/pull/5/merge"},
	}
}

func revision(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("git", "rev-parse", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// A ran is what came of a run of the action.
type ran struct {
	code    int
	said    string
	summary string
	uses    []string          // the actions that were used, with what they were given
	outputs map[string]string // of the action
}

// act runs action.yml as a runner would.
func (r *rig) act(t *testing.T, a action, e event) ran {
	t.Helper()
	values := map[string]string{"github.token": "secret"}
	for name, input := range a.Inputs {
		values["inputs."+name] = a.expand(t, values, input.Default)
	}
	values["inputs.version"] = "installed"
	maps.Copy(values, e.values)
	done := ran{outputs: map[string]string{}}
	for _, step := range a.Runs.Steps {
		wanted := done.code == 0
		if step.If != "" {
			all := strings.Contains(step.If, "cancelled()")
			wanted = (wanted || all) && a.truth(t, values, strings.TrimSuffix(strings.TrimPrefix(step.If, "${{ "), " }}"))
		}
		if !wanted {
			continue
		}
		run := r.step
		if step.Uses != "" {
			run = pretended
		}
		if code := run(t, a, step, e, values, &done); code != 0 && !step.Tolerated && done.code == 0 {
			done.code = code
		}
	}
	for name, output := range a.Outputs {
		done.outputs[name] = a.expand(t, values, output.Value)
	}
	return done
}

// pretended stands for an action of others.
func pretended(t *testing.T, a action, step actionStep, e event, values map[string]string, done *ran) int {
	name, _, _ := strings.Cut(step.Uses, "@")
	for _, key := range slices.Sorted(maps.Keys(step.With)) {
		name += " " + key + "=" + a.expand(t, values, step.With[key])
	}
	done.uses = append(done.uses, name)
	if slices.ContainsFunc(e.failing, func(failing string) bool { return strings.HasPrefix(step.Uses, failing) }) {
		values["steps."+step.ID+".outcome"] = "failure"
		return 1
	}
	values["steps."+step.ID+".outcome"] = "success"
	values["steps."+step.ID+".outputs.artifact-url"] = "https://github.example/artifact"
	return 0
}

// step runs a script.
func (r *rig) step(t *testing.T, a action, step actionStep, e event, values map[string]string, done *ran) int {
	output, summary := filepath.Join(t.TempDir(), "output"), filepath.Join(t.TempDir(), "summary")
	env := append(slices.Clone(e.runner), "GITHUB_REPOSITORY=o/r", "GITHUB_ACTION_PATH="+a.dir,
		"GITHUB_OUTPUT="+output, "GITHUB_STEP_SUMMARY="+summary)
	for name, value := range step.Env {
		env = append(env, name+"="+a.expand(t, values, value))
	}
	code, said := r.run(t, env, "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step.Run)
	done.said += said
	if text, err := os.ReadFile(summary); err == nil {
		done.summary += string(text)
	}
	text, _ := os.ReadFile(output)
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		name, value, _ := strings.Cut(line, "=")
		values["steps."+step.ID+".outputs."+name] = value
	}
	return code
}

var expression = regexp.MustCompile(`\$\{\{ (.*?) \}\}`)

func (a action) expand(t *testing.T, values map[string]string, text string) string {
	return expression.ReplaceAllStringFunc(text, func(e string) string {
		for _, name := range strings.Split(e[4:len(e)-3], " || ") {
			if found := a.value(t, values, name); found != "" {
				return found
			}
		}
		return ""
	})
}

// truth answers a condition: parts with && between them.
func (a action) truth(t *testing.T, values map[string]string, condition string) bool {
	for _, part := range strings.Split(condition, " && ") {
		name, want, equal := strings.Cut(part, " == ")
		if !equal {
			name, want, _ = strings.Cut(part, " != ")
		}
		if part != "!cancelled()" && (a.value(t, values, name) == strings.Trim(want, "'")) != equal {
			return false
		}
	}
	return true
}

// value looks up a name, which must be one that there may be.
func (a action) value(t *testing.T, values map[string]string, name string) string {
	parts := strings.Split(name, ".")
	known := parts[0] == "github"
	switch parts[0] {
	case "inputs":
		_, known = a.Inputs[parts[1]]
	case "steps":
		known = slices.ContainsFunc(a.Runs.Steps, func(s actionStep) bool {
			return s.ID == parts[1] && (s.Uses != "" || parts[2] == "outcome" || a.makes(t, s, parts[3]))
		})
	}
	if !known {
		t.Errorf("%s is nothing that there is", name)
	}
	return values[name]
}

// makes tells whether the script of a step has an output.
func (a action) makes(t *testing.T, s actionStep, name string) bool {
	script := scriptOf.FindStringSubmatch(s.Run)
	for _, m := range outputMade.FindAllStringSubmatch(readText(t, filepath.Join(a.dir, script[1])), -1) {
		if m[1] == name {
			return true
		}
	}
	return false
}

// TestWiringActionRuns runs the action on pull requests, with the real program
// and a forge that is not.
func TestWiringActionRuns(t *testing.T) {
	a := readAction(t)
	r := newRig(t)
	r.good(t)
	e := pullRequest(t, "o/r")
	out := filepath.Join(r.temp, "ringplan")

	// A person quotes the mark before the first run; that is not ours to change.
	quoted := remark{ID: 2_999_999_999, Body: reportMark + " look at this", User: &user{Login: "person"}}
	ghost := remark{ID: 2_999_999_998, Body: reportMark}
	r.forge.keep([]remark{ghost, quoted})
	first := r.act(t, a, e)
	if first.code != 0 || first.outputs["exit-code"] != "0" {
		t.Errorf("exit code %d, outputs %v:\n%s", first.code, first.outputs, first.said)
	}
	report := readText(t, filepath.Join(out, "report.md"))
	page := "\n[All of it, as a page](https://github.example/artifact)\n"
	if bodies := r.forge.bodies(); len(bodies) != 3 || bodies[2] != report+page || !strings.HasPrefix(report, reportMark+"\n") {
		t.Errorf("comments: %q", bodies)
	}
	wantText(t, "the summary", first.summary, "## ringplan: no findings\n\n"+reportMark)
	wantText(t, "the SARIF", readText(t, first.outputs["sarif"]), `"ringplan"`)
	wantText(t, "the page", readText(t, first.outputs["html"]), "<html")
	if want := []string{
		"github/codeql-action/upload-sarif category=ringplan sarif_file=" + out + "/ringplan.sarif token=secret",
		"actions/upload-artifact name=ringplan-report overwrite=true path=" + out + "/report.html",
	}; !slices.Equal(first.uses, want) {
		t.Errorf("uses %q, not %q", first.uses, want)
	}

	// A change that is wrong brings the same comment up to date, and fails.
	r.bad(t)
	e.failing = []string{"github/codeql-action", "actions/upload-artifact"}
	second := r.act(t, a, e)
	if second.code != 3 || second.outputs["exit-code"] != "3" {
		t.Errorf("exit code %d, outputs %v:\n%s", second.code, second.outputs, second.said)
	}
	again := readText(t, filepath.Join(out, "report.md"))
	if bodies := r.forge.bodies(); len(bodies) != 3 || bodies[2] != again || again == report || bodies[1] != quoted.Body || bodies[0] != ghost.Body {
		t.Errorf("comments: %q", bodies)
	}
	wantText(t, "the log", second.said, "::error file=topology.yaml,line=", "::notice title=ringplan::code scanning did not take")
	wantText(t, "the summary", second.summary, "## ringplan: 1 error", reportMark)
}

// TestWiringActionEvents runs the action where there is no comment to make.
func TestWiringActionEvents(t *testing.T) {
	a := readAction(t)
	r := newRig(t)
	r.bad(t)
	fork := r.act(t, a, pullRequest(t, "fork/r"))
	if fork.code != 3 || r.forge.asked() != "" || slices.ContainsFunc(fork.uses, func(use string) bool { return strings.Contains(use, "codeql") }) {
		t.Errorf("exit code %d, asked %q, uses %q:\n%s", fork.code, r.forge.asked(), fork.uses, fork.said)
	}
	wantText(t, "the log", fork.said, "::notice title=ringplan::the change comes from a fork", "::error file=topology.yaml")

	e := pullRequest(t, "o/r")
	e.values["inputs.comment"], e.values["inputs.sarif"] = "false", "false"
	if quiet := r.act(t, a, e); quiet.code != 3 || r.forge.asked() != "" || len(quiet.uses) != 1 {
		t.Errorf("exit code %d, asked %q, uses %q:\n%s", quiet.code, r.forge.asked(), quiet.uses, quiet.said)
	}

	push := event{runner: []string{"GITHUB_EVENT_NAME=push", "GITHUB_REF=refs/heads/main"}, values: map[string]string{"inputs.new-only": "true"}}
	if pushed := r.act(t, a, push); pushed.code != 3 || pushed.outputs["html"] != "" || r.forge.asked() != "" {
		t.Errorf("exit code %d, outputs %v:\n%s", pushed.code, pushed.outputs, pushed.said)
	}

	// What was wrong before does not count, if only new findings do.
	git(t, "branch", "--force", "base")
	r.good(t)
	e = pullRequest(t, "o/r")
	e.values["inputs.new-only"] = "true"
	if old := r.act(t, a, e); old.code != 0 {
		t.Errorf("exit code %d:\n%s", old.code, old.said)
	}
	e.values["inputs.new-only"] = "false"
	e.values["inputs.base"] = "nowhere"
	if none := r.act(t, a, e); none.code != 1 || none.outputs["sarif"] != "" {
		t.Errorf("exit code %d, outputs %v:\n%s", none.code, none.outputs, none.said)
	}
}

// TestWiringActionInjection gives inputs that would be commands if they became
// a part of a script.
func TestWiringActionInjection(t *testing.T) {
	a := readAction(t)
	r := newRig(t)
	const evil = `$(touch pwned)"; touch pwned; ` + "`touch pwned` '"
	e := pullRequest(t, "o/r")
	for _, name := range []string{"path", "base", "strict", "comment-author", "artifact", "new-only"} {
		e.values["inputs."+name] = evil
	}
	done := r.act(t, a, e)
	if done.code != 1 || exists("pwned") {
		t.Errorf("exit code %d:\n%s", done.code, done.said)
	}
	for _, path := range []string{"--help", "-f"} {
		e = pullRequest(t, "o/r")
		e.values["inputs.path"] = path
		if done := r.act(t, a, e); done.code != 1 {
			t.Errorf("path %s: exit code %d:\n%s", path, done.code, done.said)
		}
	}
	e = pullRequest(t, "o/r")
	if err := os.MkdirAll("a b", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename("topology.yaml", "a b/topology.yaml"); err != nil {
		t.Fatal(err)
	}
	r.commit(t, "moved")
	e.values["inputs.path"] = "\n  a b \n\na b/topology.yaml\n"
	if done := r.act(t, a, e); done.code != 0 {
		t.Errorf("exit code %d:\n%s", done.code, done.said)
	}
}

// TestWiringActionHistory wants the whole history, and takes what GitHub has
// merged the change into as its base.
func TestWiringActionHistory(t *testing.T) {
	a := readAction(t)
	r := newRig(t)
	e := pullRequest(t, "o/r")
	git(t, "checkout", "--quiet", "-b", "change")
	write(t, "NOTES", "nothing about regions\n")
	r.commit(t, "notes")
	git(t, "checkout", "--quiet", "main")
	r.bad(t) // after the event, by somebody else: it is not new here
	git(t, "merge", "--quiet", "--no-edit", "change")
	e.values["inputs.new-only"] = "true"
	done := r.act(t, a, e)
	if done.code != 0 {
		t.Errorf("exit code %d:\n%s", done.code, done.said)
	}
	e.runner[1] = "GITHUB_REF=refs/heads/change" // then HEAD is a merge of somebody's own
	if done := r.act(t, a, e); done.code != 3 {
		t.Errorf("exit code %d:\n%s", done.code, done.said)
	}

	whole, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	git(t, "clone", "--quiet", "--depth", "1", "file://"+filepath.ToSlash(whole), ".")
	done = r.act(t, a, e)
	if done.code != 1 || strings.Contains(done.said, "could not run") {
		t.Errorf("exit code %d:\n%s", done.code, done.said)
	}
	wantText(t, "the log", done.said, "::error title=ringplan::the history is cut off", "fetch-depth: 0")
}

// TestWiringComment runs comment.sh by itself.
func TestWiringComment(t *testing.T) {
	r := newRig(t)
	file := filepath.Join(r.temp, "nasty.md")
	comment := func(refuse, token string) (int, string) {
		t.Helper()
		return r.run(t, []string{
			"GITHUB_REPOSITORY=o/r", "GH_TOKEN=" + token, "NUMBER=5", "AUTHOR=github-actions[bot]", "REPORT=" + file, "PAGE=", refuseVar + "=" + refuse,
		}, "bash", filepath.Join(r.root, actionDir, "comment.sh"))
	}
	write(t, file, nastyReport)
	for _, c := range []struct{ refuse, token, want string }{
		{"Resource not accessible by integration (HTTP 403)", "secret", "::notice title=ringplan::there is no comment: the token may not comment"},
		{"", "wrong", "::notice title=ringplan::there is no comment: the token may not comment"},
		{"100% broken\r (HTTP 502)", "secret", "::warning title=ringplan::there is no comment: gh: 100%25 broken%0D (HTTP 502)\n"},
	} {
		code, said := comment(c.refuse, c.token)
		if code != 0 || len(r.forge.bodies()) != 0 {
			t.Errorf("exit code %d, comments %q", code, r.forge.bodies())
		}
		wantText(t, "the log", said, c.want)
	}
	// Behind many comments, on later pages, one that only looks like ours at
	// first, and one whose text looks like the list.
	r.forge.keep([]remark{
		{ID: 1, Body: "first", User: me}, {ID: 2, Body: "x\n3 github-actions[bot] \"" + reportMark + "\"", User: me},
		{ID: 3, Body: "<!-- ringplan report --", User: me}, {ID: 4, Body: " " + reportMark, User: me}, {ID: 5, Body: reportMark, User: &user{Login: "bot"}},
	})
	for range 2 {
		if code, said := comment("", "secret"); code != 0 {
			t.Fatalf("exit code %d:\n%s", code, said)
		}
	}
	if bodies := r.forge.bodies(); len(bodies) != 6 || bodies[5] != nastyReport || bodies[0] != "first" || exists("pwned") {
		t.Errorf("comments: %q", bodies)
	}
	wantText(t, "what GitHub was asked", r.forge.asked(), "POST repos/o/r/issues/5/comments\n", "PATCH repos/o/r/issues/comments/3000000001\n")
}

// TestWiringSummary cuts what GitHub would not show.
func TestWiringSummary(t *testing.T) {
	r := newRig(t)
	findings, summary := filepath.Join(r.temp, "findings.md"), filepath.Join(r.temp, "summary.md")
	write(t, findings, "## ringplan: many errors\n"+strings.Repeat("| é |\n", 200_000))
	code, said := r.run(t, []string{"FINDINGS=" + findings, "REPORT=", "GITHUB_STEP_SUMMARY=" + summary}, "bash", filepath.Join(r.root, actionDir, "summary.sh"))
	if text := readText(t, summary); code != 0 || len(text) > 1000 || !strings.HasPrefix(text, "## ringplan: many errors\n\nThey are too many") {
		t.Errorf("exit code %d, %d bytes:\n%s", code, len(text), said)
	}
}

// TestWiringInstall runs install.sh with a Go tool that only notes what it is
// asked to do.
func TestWiringInstall(t *testing.T) {
	r := newRig(t)
	bin, log := t.TempDir(), filepath.Join(r.temp, "go-log")
	tool := "#!/bin/sh\necho \"$PWD $*\" >>'" + log + "'\nmkdir -p \"$GOBIN\"\nprintf '#!/bin/sh\\necho fake\\n' >\"$GOBIN/ringplan\"\nchmod +x \"$GOBIN/ringplan\"\n"
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(tool), 0o755); err != nil {
		t.Fatal(err)
	}
	paths := filepath.Join(r.temp, "paths")
	for _, c := range []struct {
		version string
		code    int
		want    string // the end of what the Go tool notes
	}{
		{"source", 0, filepath.Base(r.root) + " install ./cmd/ringplan ./cmd/ringplan-charts\n"},
		{"v1.2.3", 0, " install github.com/ringplan/ringplan/cmd/ringplan@v1.2.3 github.com/ringplan/ringplan/cmd/ringplan-charts@v1.2.3\n"},
		{"installed", 0, ""},
		{"", 1, ""},
		{"-modfile=x", 1, ""},
		{"latest; touch pwned", 1, ""},
	} {
		os.Remove(log)
		env := []string{"VERSION=" + c.version, "GITHUB_PATH=" + paths, "PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH")}
		code, said := r.run(t, env, "bash", filepath.Join(r.root, actionDir, "install.sh"))
		noted, _ := os.ReadFile(log)
		if code != c.code || !strings.HasSuffix(string(noted), c.want) || (c.want == "") != (len(noted) == 0) {
			t.Errorf("version %q: exit code %d, asked %q:\n%s", c.version, code, noted, said)
		}
	}
	if want := strings.Repeat(filepath.Join(r.temp, "ringplan-bin")+"\n", 2); readText(t, paths) != want {
		t.Errorf("PATH gets %q", readText(t, paths))
	}
}

// gitlabScript returns the script of the job in examples/ci/gitlab-ci.yml.
func gitlabScript(t *testing.T) string {
	t.Helper()
	var file struct {
		Ringplan struct {
			Image     string
			Script    []string
			Variables map[string]string
			Artifacts struct {
				When    string
				Paths   []string
				Reports struct{ JUnit string }
			}
		}
	}
	if err := yaml.Unmarshal([]byte(readText(t, "../../examples/ci/gitlab-ci.yml")), &file); err != nil {
		t.Fatal(err)
	}
	job := file.Ringplan
	if a := job.Artifacts; a.When != "always" || a.Reports.JUnit != "ringplan.xml" || !slices.Equal(a.Paths, []string{"ringplan.html"}) || job.Variables["GIT_DEPTH"] != "0" {
		t.Errorf("the job is %+v", job)
	}
	return strings.Join(job.Script, "\n")
}

// TestWiringGitLab runs the job of examples/ci/gitlab-ci.yml.
func TestWiringGitLab(t *testing.T) {
	script := gitlabScript(t)
	r := newRig(t)
	job := func(more ...string) (int, string) {
		t.Helper()
		env := append([]string{
			"TOPOLOGIES=.", "CI_API_V4_URL=https://gitlab.example/api/v4", "CI_MERGE_REQUEST_PROJECT_ID=9", "CI_MERGE_REQUEST_IID=5",
			"CI_MERGE_REQUEST_DIFF_BASE_SHA=" + revision(t, "base"), "REVIEW_TOKEN=secret",
		}, more...)
		return r.run(t, env, "sh", "-e", "-c", script)
	}
	person := &user{ID: 8}
	r.forge.keep([]remark{
		{ID: 1, Body: "first", Author: me}, {ID: 2, Body: reportMark, Author: person}, {ID: 4, Body: `{"id":4,"body":"` + reportMark, Author: me},
		{ID: 5, Body: "> " + reportMark, Author: me}, {ID: 6, Body: "last", Author: person},
	})
	r.good(t)
	if code, said := job(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	report := readText(t, "ringplan.md")
	if bodies := r.forge.bodies(); len(bodies) != 6 || bodies[5] != report || !strings.HasPrefix(report, reportMark+"\n") {
		t.Errorf("notes: %q", bodies)
	}
	r.bad(t)
	code, said := job(refuseVar + "=The requested URL returned error: 403")
	if code != 3 || r.forge.bodies()[5] != report {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	wantText(t, "the log", said, "there is no note: GitLab did not take it", "topology.yaml:")
	if code, said := job(); code != 3 {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	if bodies := r.forge.bodies(); len(bodies) != 6 || bodies[5] != readText(t, "ringplan.md") || bodies[5] == report {
		t.Errorf("notes: %q", bodies)
	}
	wantText(t, "the test report", readText(t, "ringplan.xml"), "<testsuites", "RP012")
	wantText(t, "the page", readText(t, "ringplan.html"), "<html")
	asked := r.forge.asked()
	if code, said := job("REVIEW_TOKEN="); code != 3 || !strings.Contains(said, "there is no note: REVIEW_TOKEN is not set") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	// A merged result comes with what it was merged into; a branch with neither.
	if code, said := job("CI_MERGE_REQUEST_DIFF_BASE_SHA=", "CI_MERGE_REQUEST_TARGET_BRANCH_SHA="); code != 3 || r.forge.asked() != asked {
		t.Errorf("exit code %d, asked %q:\n%s", code, r.forge.asked(), said)
	}
}

// TestWiringGeneric runs examples/ci/generic.sh.
func TestWiringGeneric(t *testing.T) {
	r := newRig(t)
	generic := filepath.Join(r.root, "examples/ci/generic.sh")
	for _, c := range []struct {
		change func(*testing.T)
		args   []string
		code   int
		want   string
	}{
		{func(*testing.T) {}, nil, 64, "usage: sh generic.sh"},
		{func(*testing.T) {}, []string{"nowhere"}, 1, "nowhere"},
		{r.good, []string{"base"}, 0, "verified: 1 topology"},
		{func(*testing.T) {}, []string{"base", "topology.yaml"}, 0, "verified: 1 topology"},
		{r.bad, []string{"base"}, 3, "[RP012]"},
	} {
		c.change(t)
		code, said := r.run(t, nil, "sh", append([]string{generic}, c.args...)...)
		if code != c.code {
			t.Errorf("%v: exit code %d, not %d:\n%s", c.args, code, c.code, said)
		}
		wantText(t, "what it says", said, c.want)
	}
	for file, want := range map[string]string{
		"findings.txt": "[RP012]", "junit.xml": "<testsuites", "ringplan.sarif": `"RP012"`, "checkstyle.xml": "<checkstyle",
		"report.md": reportMark, "report.html": "<html",
	} {
		wantText(t, file, readText(t, "ringplan-out/"+file), want)
	}
	write(t, "prod/topology.yaml", readText(t, "topology.yaml"))
	if err := os.Remove("topology.yaml"); err != nil {
		t.Fatal(err)
	}
	if code, said := r.run(t, nil, "sh", generic, "HEAD"); code != 3 {
		t.Errorf("below the working folder: exit code %d:\n%s", code, said)
	}
	whole, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	git(t, "clone", "--quiet", "--depth", "1", "file://"+filepath.ToSlash(whole), ".")
	if code, said := r.run(t, nil, "sh", generic, "HEAD"); code != 1 || !strings.Contains(said, "the history is cut off") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
}

// TestWiringGitHub reads the example of a workflow.
func TestWiringGitHub(t *testing.T) {
	var workflow struct {
		Permissions map[string]string
		Jobs        map[string]struct {
			Steps []struct {
				Uses string
				With map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(readText(t, "../../examples/ci/github.yml")), &workflow); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"contents": "read", "pull-requests": "write", "security-events": "write", "actions": "read"}
	if !maps.Equal(workflow.Permissions, want) {
		t.Errorf("permissions %v, not %v", workflow.Permissions, want)
	}
	for name, need := range want {
		wantText(t, "action.yml", readText(t, filepath.Join("../..", actionDir, "action.yml")), fmt.Sprintf("#   %-24s", name+": "+need))
	}
	steps := workflow.Jobs["ringplan"].Steps
	if len(steps) != 2 || steps[0].With["fetch-depth"] != "0" || !strings.HasPrefix(steps[1].Uses, "ringplan/ringplan/"+actionDir+"@") {
		t.Fatalf("steps %+v", steps)
	}
	for name := range steps[1].With {
		if _, there := readAction(t).Inputs[name]; !there {
			t.Errorf("the action has no input %s", name)
		}
	}
}

// A hook is one of .pre-commit-hooks.yaml.
type hook struct {
	ID, Name, Description, Language, Entry, Files string
	Args                                          []string
	PassFilenames                                 *bool `yaml:"pass_filenames"`
	RequireSerial                                 bool  `yaml:"require_serial"`
}

func readHooks(t *testing.T) []hook {
	t.Helper()
	dec := yaml.NewDecoder(strings.NewReader(readText(t, "../../.pre-commit-hooks.yaml")))
	dec.KnownFields(true)
	var hooks []hook
	if err := dec.Decode(&hooks); err != nil {
		t.Fatal(err)
	}
	return hooks
}

// run runs a hook as pre-commit does for files that are to be committed, and
// returns its exit code, or -1 where none of them is for it.
func (h hook) run(t *testing.T, files ...string) (int, string) {
	t.Helper()
	pattern := regexp.MustCompile(h.Files)
	files = slices.DeleteFunc(slices.Clone(files), func(file string) bool { return !pattern.MatchString(file) })
	if len(files) == 0 {
		return -1, ""
	}
	command := strings.Fields(h.Entry)
	if command[0] != "ringplan" {
		t.Errorf("%s runs %s", h.ID, command[0])
	}
	args := slices.Concat(command[1:], h.Args)
	if h.PassFilenames == nil || *h.PassFilenames {
		args = append(args, files...)
	}
	code, stdout, stderr := ringplan(t, args...)
	return code, stdout + stderr
}

// TestWiringHooks runs the hooks of pre-commit, and looks at which files they
// are for.
func TestWiringHooks(t *testing.T) {
	hooks := readHooks(t)
	var ids []string
	for _, h := range hooks {
		ids = append(ids, h.ID)
		if h.Language != "golang" || !h.RequireSerial || h.Name == "" || h.Description == "" {
			t.Errorf("hook %+v", h)
		}
	}
	if want := []string{"ringplan-lint", "ringplan-verify", "ringplan-render-check"}; !slices.Equal(ids, want) {
		t.Fatalf("hooks %v, not %v", ids, want)
	}
	for _, c := range []struct{ file, match string }{ // by which of lint, verify, render
		{"topology.yaml", "yyy"}, {"prod/topology.cue", "yyy"}, {"a/b/topology.yml", "yyy"}, {"topology.json", "yyy"},
		{"rollout.yaml", "-yy"}, {"prod/rollout.yaml", "-yy"}, {"regions.cue", "-yy"}, {"cue.mod/module.cue", "-yy"},
		{"evidence/us-east1/01-install.yaml", "-y-"}, {"prod/evidence/us-east1/01-install.yaml", "-y-"},
		{"rendered/SHA256SUMS", "-yy"}, {"prod/rendered/us-east1/overrides.yaml", "-yy"},
		{"topology.yaml.orig", "---"}, {"my-topology.yaml", "---"}, {"topology.toml", "---"}, {"topology/README.md", "---"}, {"topologyXyaml", "---"},
		{"rollout.yml", "---"}, {"my-rollout.yaml", "---"}, {"unrendered/x", "---"}, {"rendered", "---"}, {"evidence.txt", "---"},
		{"README.md", "---"}, {"main.go", "---"},
	} {
		got := ""
		for _, h := range hooks {
			if regexp.MustCompile(h.Files).MatchString(c.file) {
				got += "y"
			} else {
				got += "-"
			}
		}
		if got != c.match {
			t.Errorf("%s: %s, not %s", c.file, got, c.match)
		}
	}
	r := newRig(t)
	runAll := func(want string, files ...string) {
		t.Helper()
		var codes []string
		all := ""
		for _, h := range hooks {
			code, said := h.run(t, files...)
			codes = append(codes, strconv.Itoa(code))
			all += said
		}
		if got := strings.Join(codes, " "); got != want {
			t.Errorf("exit codes %s, not %s:\n%s", got, want, all)
		}
	}
	runAll("0 0 0", "topology.yaml", "README.md")
	runAll("-1 -1 -1", "README.md")
	write(t, "rendered/region-1/overrides.yaml", "not: ours\n")
	runAll("-1 0 0", "rendered/region-1/overrides.yaml") // what ringplan did not write is not its own
	if err := os.RemoveAll("rendered"); err != nil {
		t.Fatal(err)
	}
	r.bad(t)
	runAll("3 3 3", "topology.yaml", "README.md")
}

// TestWiringHooksRendered breaks what only the rendered tree shows.
func TestWiringHooksRendered(t *testing.T) {
	hooks := readHooks(t)
	sandbox, err := filepath.Abs("../../examples/fleet/sandbox")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.CopyFS("sandbox", os.DirFS(sandbox)); err != nil {
		t.Fatal(err)
	}
	for round, want := range []string{"-1 0 0", "-1 3 2"} {
		var codes []string
		for _, h := range hooks {
			code, _ := h.run(t, "sandbox/rendered/SHA256SUMS")
			codes = append(codes, strconv.Itoa(code))
		}
		if got := strings.Join(codes, " "); got != want {
			t.Errorf("round %d: exit codes %s, not %s", round, got, want)
		}
		if err := os.RemoveAll("sandbox/rendered"); err != nil {
			t.Fatal(err)
		}
	}
}

// A plugin is a manifest of krew.
type plugin struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		Version, Homepage, Description, Caveats string
		ShortDescription                        string `yaml:"shortDescription"`
		Platforms                               []struct {
			URI, SHA256, Bin string
			Selector         struct {
				MatchLabels map[string]string `yaml:"matchLabels"`
			}
		}
	}
}

// TestWiringKrew fills the template of the manifest in, as krew-release-bot
// does, and holds it against what krew asks for.
func TestWiringKrew(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	functions := template.FuncMap{
		"addURIAndSha": func(address, tag string) (string, error) {
			var b strings.Builder
			inner, err := template.New("").Parse(address)
			if err == nil {
				err = inner.Execute(&b, struct{ TagName string }{tag})
			}
			return "uri: " + b.String() + "\n    sha256: " + sum, err
		},
		"indent": func(spaces int, text string) string {
			return strings.ReplaceAll(strings.ReplaceAll(text, "    sha256:", "sha256:"), "\n", "\n"+strings.Repeat(" ", spaces))
		},
	}
	outer, err := template.New("").Funcs(functions).Parse(readText(t, "../../.krew.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := outer.Execute(&b, struct{ TagName string }{"v1.2.3"}); err != nil {
		t.Fatal(err)
	}
	dec := yaml.NewDecoder(&b)
	dec.KnownFields(true)
	var p plugin
	if err := dec.Decode(&p); err != nil {
		t.Fatal(err)
	}
	name := p.Metadata.Name
	switch {
	case p.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || p.Kind != "Plugin":
		t.Errorf("it is a %s of %s", p.Kind, p.APIVersion)
	case !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(name) || strings.HasPrefix(name, "kube"):
		t.Errorf("krew takes no plugin %q", name)
	case p.Spec.Version != "v1.2.3" || p.Spec.Homepage == "" || p.Spec.Description == "" || len(p.Spec.Platforms) == 0:
		t.Errorf("spec %+v", p.Spec)
	case p.Spec.ShortDescription == "" || len(p.Spec.ShortDescription) > 50 || strings.HasSuffix(p.Spec.ShortDescription, "."):
		t.Errorf("a short description is a few words: %q", p.Spec.ShortDescription)
	}
	seen := map[string]bool{}
	for _, platform := range p.Spec.Platforms {
		goos, arch := platform.Selector.MatchLabels["os"], platform.Selector.MatchLabels["arch"]
		bin, archive := "kubectl-"+name, ".tar.gz"
		if goos == "windows" {
			bin, archive = bin+".exe", ".zip"
		}
		want := "https://github.com/ringplan/ringplan/releases/download/v1.2.3/kubectl-ringplan_v1.2.3_" + goos + "_" + arch + archive
		if platform.URI != want || platform.SHA256 != sum || platform.Bin != bin || seen[goos+arch] || len(platform.Selector.MatchLabels) != 2 {
			t.Errorf("platform %+v", platform)
		}
		seen[goos+arch] = true
	}
	for _, platform := range []string{"linuxamd64", "linuxarm64", "darwinamd64", "darwinarm64", "windowsamd64"} {
		if !seen[platform] {
			t.Errorf("no platform %s", platform)
		}
	}
}

// TestWiringPlugin starts the program as kubectl does.
func TestWiringPlugin(t *testing.T) {
	t.Chdir(t.TempDir())
	kept := os.Args[0]
	t.Cleanup(func() { os.Args[0] = kept })
	for _, c := range []struct{ file, name string }{
		{"/home/me/.krew/bin/kubectl-ringplan", "kubectl ringplan"}, {"kubectl-ringplan.exe", "kubectl ringplan"},
		{"/usr/bin/ringplan", "ringplan"}, {"kubectl-other", "ringplan"},
	} {
		os.Args[0] = c.file
		help := mustRun(t, "lint", "--help")
		wantText(t, c.file, help, "Usage:\n  "+c.name+" lint [TOPOLOGY", "Examples:\n  "+c.name+" lint\n  "+c.name+" lint fleet/")
		if strings.Contains(help, "kubectl kubectl") {
			t.Error(help)
		}
		_, _, stderr := ringplan(t, "lint", "--nosuch")
		wantText(t, c.file, stderr, "see `"+c.name+" lint --help`")
		if said := mustRun(t, "__complete", "lint", "--output", ""); !strings.HasPrefix(said, "text\njson\n") {
			t.Errorf("%s completes %q", c.file, said)
		}
	}
}

// TestWiringCompletion completes where nothing can be found, or what is there
// does not answer: nothing is said, and soon.
func TestWiringCompletion(t *testing.T) {
	kept := completionTime
	completionTime = 200 * time.Millisecond
	t.Cleanup(func() { completionTime = kept })
	quiet := func(args ...string) {
		t.Helper()
		began := time.Now()
		code, stdout, stderr := ringplan(t, append([]string{"__complete"}, args...)...)
		if code != 0 || stdout != ":4\n" || stderr != "Completion ended with directive: ShellCompDirectiveNoFileComp\n" {
			t.Errorf("%v: exit code %d\n%s%s", args, code, stdout, stderr)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%v took %v", args, took)
		}
	}
	t.Chdir(t.TempDir())
	quiet("plan", "--region", "") // no topology
	if mkfifo, err := exec.LookPath("mkfifo"); err == nil {
		mustRun(t, "init")
		if out, err := exec.Command(mkfifo, "rollout.yaml").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		quiet("plan", "--region", "")
		quiet("render", "--phase", "")
		quiet("advance", "")
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\nexec sleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	quiet("verify", "--base", "")
	t.Setenv("PATH", "")
	quiet("verify", "--base", "")
	if found := inTime(t.Context(), func(context.Context) []string { panic("a defect") }); found != nil {
		t.Error(found)
	}
}
