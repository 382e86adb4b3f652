package live_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/ringplan/ringplan/pkg/live"
	"github.com/ringplan/ringplan/pkg/live/livetest"
)

// TestCommandSPDY falls back to SPDY where a WebSocket cannot be had.
func TestCommandSPDY(t *testing.T) {
	s := newCluster(t)
	var mu sync.Mutex
	var requests []string
	answer := livetest.SPDY(func(c livetest.Command) (string, int) { return "read " + c.Input + endMark + "\n", 0 })
	s.Answer("/api/v1/namespaces/apigee/pods/c-0/exec", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests = append(requests, r.Method+" "+r.Header.Get("Upgrade"))
		mu.Unlock()
		if r.Method != http.MethodPost {
			http.Error(w, "no WebSocket here: canary", http.StatusBadGateway)
			return
		}
		answer(w, r)
	})
	a, errs := ask(t, s, live.Query{Commands: []live.Command{statusCommand}}, ample)
	if text, err := a.Output(statusCommand.Name); err != nil || string(text) != "read "+string(statusCommand.Input) || len(errs) > 0 {
		t.Errorf("%q, %v, %q", text, err, errs)
	}
	if !slices.Equal(requests, []string{"GET websocket", "POST SPDY/3.1"}) {
		t.Errorf("requests %q", requests)
	}
	if wanted := s.Wanted(); len(wanted) != 2 || wanted[1] != (livetest.Request{Verb: "create", Resource: "pods/exec", Namespace: "apigee", Name: "c-0"}) {
		t.Errorf("wanted %+v", wanted)
	}
}
