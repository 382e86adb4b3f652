package live_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringplan/ringplan/pkg/live"
	"github.com/ringplan/ringplan/pkg/live/livetest"
)

const endMark = "# the end"

// statusCommand is one that two pods can run.
var statusCommand = live.Command{
	Name: "nodetool status", Namespace: "apigee", Pods: []string{"c-0", "c-1"}, Containers: []string{"cassandra", ""},
	Args: []string{"sh", "-c", "echo 'a b'"}, Input: []byte("user\nsecret-canary\n"), End: endMark,
}

func podObject(name string) map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name, "namespace": "apigee"}}
}

// runs starts a cluster with some pods, asks for the output of a command, and
// returns it with its error and the commands that ran.
func runs(t *testing.T, run livetest.Run, prepare func(*livetest.Server), pods ...string) (text, problem string, ran []livetest.Command) {
	t.Helper()
	s := newCluster(t)
	for _, pod := range pods {
		s.Put(podObject(pod))
	}
	s.Exec(func(c livetest.Command) (string, int) {
		ran = append(ran, c)
		return run(c)
	})
	if prepare != nil {
		prepare(s)
	}
	a, errs := ask(t, s, live.Query{Kinds: []live.Kind{replications}, Commands: []live.Command{statusCommand}}, 5*time.Second)
	out, err := a.Output(statusCommand.Name)
	if (err != nil) != (len(errs) > 0) {
		t.Errorf("the error is %v, and those of the cluster are %q", err, errs)
	}
	if list, err := a.List(replications); err != nil || len(list) > 0 {
		t.Errorf("what else was read: %v, %v", list, err)
	}
	if len(errs) > 0 {
		problem = errs[0]
	}
	return string(out), problem, ran
}

func prints(text string) livetest.Run {
	return func(livetest.Command) (string, int) { return text, 0 }
}

// TestCommand has what a command prints, what it was given, and where it ran.
func TestCommand(t *testing.T) {
	long := strings.Repeat("a line of output\n", 10_000)
	text, problem, ran := runs(t, prints(long+endMark+"\n"), nil, "c-0", "c-1")
	if text != long || problem != "" {
		t.Errorf("%d bytes, not %d; %s", len(text), len(long), problem)
	}
	if len(ran) != 1 || ran[0].Pod != "c-0" || ran[0].Container != "cassandra" || ran[0].Namespace != "apigee" ||
		!slices.Equal(ran[0].Args, statusCommand.Args) || ran[0].Input != string(statusCommand.Input) {
		t.Errorf("ran %+v", ran)
	}
}

// TestCommandElsewhere runs it in the next pod where the first cannot.
func TestCommandElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		run  livetest.Run
		pods []string
	}{
		"the pod is not there": {prints("x\n" + endMark), []string{"c-1"}},
		"the command fails": {func(c livetest.Command) (string, int) {
			if c.Pod == "c-0" {
				return "half of it", 1
			}
			return "x\n" + endMark, 0
		}, []string{"c-0", "c-1"}},
		"the connection ends": {func(c livetest.Command) (string, int) {
			if c.Pod == "c-0" {
				return "half of it\n", livetest.HangUp
			}
			return "x\n" + endMark, 0
		}, []string{"c-0", "c-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, problem, ran := runs(t, c.run, nil, c.pods...)
			if text != "x\n" || problem != "" || len(ran) == 0 || ran[len(ran)-1].Pod != "c-1" {
				t.Errorf("%q, %s, ran %+v", text, problem, ran)
			}
		})
	}
}

// TestCommandContainer takes the only container where the usual one is not
// there.
func TestCommandContainer(t *testing.T) {
	pod := podObject("c-0")
	pod["spec"] = map[string]any{"container": "other"}
	text, problem, ran := runs(t, prints("x\n"+endMark), func(s *livetest.Server) { s.Put(pod) })
	if text != "x\n" || problem != "" || len(ran) != 1 || ran[0].Container != "" {
		t.Errorf("%q, %s, ran %+v", text, problem, ran)
	}
}

// TestCommandErrors has a row for each thing that can go wrong.
func TestCommandErrors(t *testing.T) {
	const (
		where = "context one (SERVER): nodetool status in pod apigee/c-0"
		look  = "`kubectl --context one -n apigee get pod c-0` tells how the pod is"
	)
	refuse := func(code int, reason string) func(*livetest.Server) {
		return func(s *livetest.Server) { s.Refuse("/api/v1/namespaces/apigee/pods/c-", code, reason) }
	}
	for name, c := range map[string]struct {
		run     livetest.Run
		prepare func(*livetest.Server)
		pods    []string
		want    string
	}{
		"it fails":       {func(livetest.Command) (string, int) { return "canary\n" + endMark, 2 }, nil, []string{"c-0", "c-1"}, where + " ended with code 2: run it by hand to see why, or " + look},
		"it is cut off":  {prints("canary"), nil, []string{"c-0", "c-1"}, where + ": its output is cut off: try again"},
		"it hangs up":    {func(livetest.Command) (string, int) { return "canary\n", livetest.HangUp }, nil, []string{"c-0"}, where + ": its output is cut off: try again"},
		"it is too long": {prints(strings.Repeat("canary\n", 3<<20)), nil, []string{"c-0"}, where + ": its output is larger than 16 MiB: try again"},
		"no pod":         {prints(""), nil, nil, where + ": there is no such pod: " + look},
		"not running":    {nil, refuse(http.StatusInternalServerError, "InternalError"), nil, where + ": the pod cannot run it: " + look},
		"no container":   {nil, refuse(http.StatusBadRequest, "BadRequest"), nil, where + ": the pod cannot run it: " + look},
		"forbidden": {nil, refuse(http.StatusForbidden, "Forbidden"), nil, "context one (SERVER): forbidden to create pods/exec c-0 in namespace apigee: " +
			"let the user of the context create pods/exec there; `kubectl --context one auth can-i create pods/exec -n apigee` tells whether it may"},
		"no API server": {nil, func(s *livetest.Server) {
			s.Answer("/api/v1/namespaces/apigee/pods/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "canary") })
		}, nil, "context one (SERVER): cannot create pods/exec c-0 in namespace apigee: the answer is none of a Kubernetes API server: see that the address in the kubeconfig is right"},
	} {
		t.Run(name, func(t *testing.T) {
			text, problem, _ := runs(t, c.run, c.prepare, c.pods...)
			if problem != c.want || text != "" {
				t.Errorf("%q\n%s\nwant\n%s", text, problem, c.want)
			}
		})
	}
}

// TestCommandTime gives a command up when the time is up.
func TestCommandTime(t *testing.T) {
	s := newCluster(t)
	s.Put(podObject("c-0"))
	end := make(chan struct{})
	defer close(end)
	s.Exec(func(livetest.Command) (string, int) { <-end; return "", 0 })
	a, errs := ask(t, s, live.Query{Commands: []live.Command{statusCommand}}, 300*time.Millisecond)
	if out, err := a.Output(statusCommand.Name); err == nil || out != nil || len(errs) != 1 || !strings.HasSuffix(errs[0], "the cluster has not answered in time: see that it can be reached, or allow it more time") {
		t.Errorf("%q, %v, %q", out, err, errs)
	}
}

// TestAllNamespaces lists a kind everywhere.
func TestAllNamespaces(t *testing.T) {
	s := newCluster(t)
	for i := range 4 {
		pod := podObject(fmt.Sprintf("p-%d", i))
		pod["metadata"].(map[string]any)["namespace"] = fmt.Sprintf("n-%d", i%2)
		s.Put(pod)
	}
	all := live.Kind{APIVersion: "v1", Kind: "Pod"}
	a, errs := ask(t, s, live.Query{Kinds: []live.Kind{all}}, ample)
	if list, err := a.List(all); err != nil || len(list) != 4 || len(errs) > 0 {
		t.Errorf("%v, %v, %q", list, err, errs)
	}
	if got := s.Requests(); !slices.Equal(got, []string{"GET /api/v1", "GET /api/v1/pods", "GET /api/v1/pods"}) {
		t.Errorf("%q", got)
	}
}

// TestList tells an empty list from what is not known.
func TestList(t *testing.T) {
	s := newCluster(t)
	routes := live.Kind{APIVersion: apigee, Kind: "ApigeeRoute", Namespace: "apigee"}
	other := live.Kind{APIVersion: apigee, Kind: "Other", Namespace: "apigee"}
	a, errs := ask(t, s, live.Query{Kinds: []live.Kind{replications, routes}}, ample)
	if list, err := a.List(replications); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := a.List(routes); err == nil || !strings.Contains(err.Error(), "does not know the kind ApigeeRoute") || len(errs) > 0 {
		t.Errorf("%v, %q", err, errs)
	}
	if _, err := a.List(other); err == nil || err.Error() != "Other was not asked for" {
		t.Error(err)
	}
	s.Refuse("/", 401, "Unauthorized")
	a, _ = ask(t, s, live.Query{Kinds: []live.Kind{replications, routes}, Commands: []live.Command{statusCommand}}, ample)
	for _, kind := range []live.Kind{replications, routes} {
		if _, err := a.List(kind); err == nil || !strings.Contains(err.Error(), "does not accept the credentials") {
			t.Error(err)
		}
	}
	if _, err := a.Output(statusCommand.Name); err == nil || !strings.Contains(err.Error(), "does not accept the credentials") {
		t.Error(err)
	}
}
