package apigee

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/system"
)

// seedPod is a Cassandra pod of the source that is ready.
func seedPod(name, address string) *input {
	p := podOf("apigee/" + name + " " + address)
	p["status"].(map[string]any)["conditions"] = []any{map[string]any{"type": "Ready", "status": "True"}}
	return &input{doc: p, at: minute(60)}
}

func TestSeed(t *testing.T) {
	const none, island = `spec: {regions: {1: {seedHost: null}}}`, `spec: {regions: {1: {seedHost: null}, 0: {platform: openshift}}}`
	store := func(dc string, addresses ...any) *input {
		d := datastoreOf(t, dc)
		d.set("status.cassandraPodIps", addresses)
		return d
	}
	with := func(in *input, path string, value any) *input {
		in.set(path, value)
		return in
	}
	notReady := []any{map[string]any{"type": "Ready", "status": "False"}}
	pod0 := func() *input { return seedPod("apigee-cassandra-default-0", "10.100.0.21") }
	taken := func(in *input, minutes int) *input {
		in.at = minute(minutes)
		return in
	}
	const refused = "region west has no seed host, and nothing that was observed in the last hour tells one: no ready Cassandra pod and no ApigeeDatastore of dc-1"
	type inputs = map[string]*input
	tests := map[string]struct {
		patch      string
		in         inputs
		host, from string
	}{
		"the topology":                    {`{}`, nil, "10.100.0.11", "the topology"},
		"the topology wins":               {`{}`, inputs{"pod": pod0()}, "10.100.0.11", "the topology"},
		"a pod":                           {none, inputs{"pod": pod0()}, "10.100.0.21", "Pod apigee/apigee-cassandra-default-0 of region east"},
		"the first pod":                   {none, inputs{"a": seedPod("apigee-cassandra-default-10", "10.100.0.30"), "b": seedPod("apigee-cassandra-default-2", "10.100.0.22")}, "10.100.0.22", "Pod apigee/apigee-cassandra-default-2 of region east"},
		"a pod before the datastore":      {none, inputs{"a": store("dc-1", "10.100.0.40"), "pod": pod0()}, "10.100.0.21", "Pod apigee/apigee-cassandra-default-0 of region east"},
		"the datastore":                   {none, inputs{"a": store("dc-1", "10.100.0.41", "10.100.0.40")}, "10.100.0.40", "ApigeeDatastore apigee/default of region east: status.cassandraPodIps"},
		"the datastore, one in the range": {none, inputs{"a": store("dc-1", "10.1.0.1", "nonsense", "10.100.0.41")}, "10.100.0.41", "ApigeeDatastore apigee/default of region east: status.cassandraPodIps"},
		"a pod of several addresses":      {none, inputs{"a": with(pod0(), "status.podIPs", []any{map[string]any{"ip": "fd00::1"}, map[string]any{"ip": "10.100.0.21"}})}, "10.100.0.21", "Pod apigee/apigee-cassandra-default-0 of region east"},
		"a pod of the source beside own":  {none, inputs{"a": seedPod("apigee-cassandra-default-0", "10.101.0.21"), "b": seedPod("apigee-cassandra-default-1", "10.100.0.22")}, "10.100.0.22", "Pod apigee/apigee-cassandra-default-1 of region east"},
		"hostNetwork, a node's address":   {island, inputs{"a": seedPod("apigee-cassandra-default-0", "10.1.0.21")}, "10.1.0.21", "Pod apigee/apigee-cassandra-default-0 of region east"},
		"hostNetwork, by the datastore":   {island, inputs{"a": store("dc-1", "10.100.0.41", "10.1.0.22")}, "10.1.0.22", "ApigeeDatastore apigee/default of region east: status.cassandraPodIps"},
		"within the skew":                 {none, inputs{"pod": taken(pod0(), 63)}, "10.100.0.21", "Pod apigee/apigee-cassandra-default-0 of region east"},
		"just fresh":                      {none, inputs{"pod": taken(pod0(), 0)}, "10.100.0.21", "Pod apigee/apigee-cassandra-default-0 of region east"},

		"the newest pod":                  {none, inputs{"a": taken(pod0(), 5), "b": seedPod("apigee-cassandra-default-0", "10.100.0.99")}, "10.100.0.99", "Pod apigee/apigee-cassandra-default-0 of region east"},
		"the newest pod, of another name": {none, inputs{"a": taken(pod0(), 5), "b": seedPod("apigee-cassandra-default-1", "10.100.0.22")}, "10.100.0.22", "Pod apigee/apigee-cassandra-default-1 of region east"},
		"the newest datastore":            {none, inputs{"a": taken(store("dc-1", "10.100.0.41"), 5), "b": store("dc-1", "10.100.0.42")}, "10.100.0.42", "ApigeeDatastore apigee/default of region east: status.cassandraPodIps"},
		"a pod beside one that leaves":    {none, inputs{"a": with(pod0(), "metadata.deletionTimestamp", "2026-11-21T09:30:00Z"), "b": seedPod("apigee-cassandra-default-1", "10.100.0.22")}, "10.100.0.22", "Pod apigee/apigee-cassandra-default-1 of region east"},

		"a pod that is being deleted":       {none, inputs{"pod": with(pod0(), "metadata.deletionTimestamp", "2026-11-21T09:30:00Z")}, "", ""},
		"a datastore that is being deleted": {none, inputs{"a": with(store("dc-1", "10.100.0.41"), "metadata.deletionTimestamp", "2026-11-21T09:30:00Z")}, "", ""},
		"nothing seen":                      {none, nil, "", ""},
		"stale":                             {none, inputs{"pod": taken(pod0(), -1), "a": taken(store("dc-1", "10.100.0.41"), -1)}, "", ""},
		"from the future":                   {none, inputs{"pod": taken(pod0(), 64), "a": taken(store("dc-1", "10.100.0.41"), 64)}, "", ""},
		"not said when":                     {none, inputs{"pod": {doc: pod0().doc}, "a": {doc: store("dc-1", "10.100.0.41").doc}}, "", ""},
		"another datacenter":                {none, inputs{"a": store("dc-2", "10.100.0.41")}, "", ""},
		"another namespace":                 {none, inputs{"pod": with(pod0(), "metadata.namespace", "other"), "a": with(store("dc-1", "10.100.0.41"), "metadata.namespace", "other")}, "", ""},
		"outside the ranges":                {none, inputs{"pod": seedPod("apigee-cassandra-default-0", "10.1.0.21"), "a": store("dc-1", "10.1.0.22", "10.101.0.2")}, "", ""},
		"hostNetwork, a pod's address":      {island, inputs{"pod": pod0(), "a": store("dc-1", "10.100.0.41")}, "", ""},
		"a pod that is not ready":           {none, inputs{"pod": with(pod0(), "status.conditions", notReady)}, "", ""},
		"a pod that says nothing of it":     {none, inputs{"pod": with(pod0(), "status.conditions", nil)}, "", ""},
		"a pod that is not Cassandra's":     {none, inputs{"pod": seedPod("apigee-redis-default-0", "10.100.0.21")}, "", ""},
		"a pod without an address":          {none, inputs{"pod": with(pod0(), "status.podIP", nil)}, "", ""},
		"a datastore without pods":          {none, inputs{"a": store("dc-1")}, "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var seen observe.Set
			for _, source := range slices.Sorted(maps.Keys(tt.in)) {
				seen = append(seen, tt.in[source].read(t, source)...)
			}
			q := system.Question{Since: phaseStart, Now: minute(61), MaxSkew: skew, Seen: seen}
			host, from, reason := ringOf(t, tt.patch).Seed("west", q)
			if host != tt.host || from != tt.from || (reason == "") != (host != "") {
				t.Errorf("got %q from %q, %q", host, from, reason)
			}
			if host == "" && reason != refused {
				t.Errorf("got %q, want %q", reason, refused)
			}
			slices.Reverse(q.Seen)
			if again, _, _ := ringOf(t, tt.patch).Seed("west", q); again != host {
				t.Errorf("in another order %q instead of %q", again, host)
			}
		})
	}
}

func TestSeedWithoutSource(t *testing.T) {
	for _, patch := range []string{`spec: {regions: {1: {seedHost: null, expandFrom: null}}}`, `spec: {regions: {1: {seedHost: null, expandFrom: south}}}`} {
		host, from, reason := ringOf(t, patch).Seed("west", system.Question{})
		if host != "" || from != "" || !strings.Contains(reason, "region west has no source to take a seed host from") {
			t.Errorf("got %q, %q, %q", host, from, reason)
		}
	}
}
