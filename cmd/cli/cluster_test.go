package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ringplan/ringplan/pkg/live/livetest"
)

// clustersOf holds the clusters of each script, by its folder and their names.
var clustersOf sync.Map

// scriptClusters are the clusters of one script.
type scriptClusters map[string]*apigeeCluster

func clustersIn(ts *testscript.TestScript) scriptClusters {
	all, _ := clustersOf.LoadOrStore(ts.Getenv("WORK"), scriptClusters{})
	return all.(scriptClusters)
}

// cmdCluster starts a cluster, which $WORK/kubeconfig then knows by its name, or
// changes it: puts the objects of files, lets nodetool print a file or end with a
// code, or refuses a path with a code:
//
//	cluster east put seen.json
//	cluster east nodetool status ring.txt
//	cluster east nodetool status 1
//	cluster east refuse /apis 403
func cmdCluster(t *testing.T, ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: cluster NAME put|nodetool|refuse...")
	}
	all := clustersIn(ts)
	s := all[args[0]]
	if s == nil {
		s = newApigeeCluster(t)
		all[args[0]] = s
		servers := map[string]string{}
		for name, s := range all {
			servers[name] = s.URL
		}
		data, err := os.ReadFile(livetest.Kubeconfig(t, servers))
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), "kubeconfig"), data, 0o600))
	}
	switch rest := args[2:]; {
	case args[1] == "put":
		for _, file := range rest {
			putAll(ts, s, ts.ReadFile(file))
		}
	case args[1] == "nodetool" && len(rest) == 2:
		code, err := strconv.Atoi(rest[1])
		text := ""
		if err != nil {
			text = ts.ReadFile(rest[1])
		}
		s.nodetool(rest[0], text, code)
	case args[1] == "refuse" && len(rest) == 2:
		code, err := strconv.Atoi(rest[1])
		ts.Check(err)
		s.Refuse(rest[0], code, "Refused")
	default:
		ts.Fatalf("cluster: unknown %q", args[1:])
	}
}

// An apigeeCluster is one with the definitions of Apigee and a pod of Cassandra.
type apigeeCluster struct {
	*livetest.Server
	mu     sync.Mutex
	prints map[string]string // by the verb of nodetool
	codes  map[string]int
	ran    []livetest.Command
}

func newApigeeCluster(t *testing.T) *apigeeCluster {
	s := &apigeeCluster{Server: livetest.New(t), prints: map[string]string{}, codes: map[string]int{}}
	s.Define(liveAPI, "CassandraDataReplication", "cassandradatareplications")
	s.Define(liveAPI, "ApigeeDatastore", "apigeedatastores")
	s.Define("apigee.cloud.google.com/v1alpha2", "ApigeeOrganization", "apigeeorganizations")
	s.Put(map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "apigee-cassandra-default-0", "namespace": "apigee"}})
	s.Exec(func(c livetest.Command) (string, int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ran = append(s.ran, c)
		script := c.Args[len(c.Args)-1]
		for verb, text := range s.prints {
			_, rest, runs := strings.Cut(script, `nodetool "$@" `+verb+` && echo '`)
			if end, _, closed := strings.Cut(rest, "'"); runs && closed && s.codes[verb] == 0 {
				return text + end + "\n", 0
			} else if runs {
				return text, s.codes[verb]
			}
		}
		return "", 127
	})
	return s
}

// nodetool sets what a verb of nodetool prints, and its exit code.
func (s *apigeeCluster) nodetool(verb, text string, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prints[verb], s.codes[verb] = text, code
}

// putAll puts an object, or those of a list.
func putAll(ts *testscript.TestScript, s *apigeeCluster, text string) {
	for dec := json.NewDecoder(strings.NewReader(text)); dec.More(); {
		var object map[string]any
		ts.Check(dec.Decode(&object))
		items, isList := object["items"].([]any)
		if !isList {
			items = []any{object}
		}
		for _, item := range items {
			s.Put(item.(map[string]any))
		}
	}
}

// withoutServers takes the addresses of the clusters out of a text.
func withoutServers(ts *testscript.TestScript, text string) string {
	for name, s := range clustersIn(ts) {
		text = strings.ReplaceAll(text, strings.TrimPrefix(s.URL, "https://"), "SERVER of "+name)
	}
	return text
}
