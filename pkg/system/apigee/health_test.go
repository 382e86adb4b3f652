package apigee

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
	lua "github.com/yuin/gopher-lua"

	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// What an engine says of an object, in the words of gates.
const (
	current = stage.Met
	failing = stage.Failed
	pending = stage.Waiting
)

// celHolds evaluates an expression with the options of Flux: it is parsed and
// not checked, over the fields of the object [FLUX].
func celHolds(t testing.TB, expression string, object map[string]any) (bool, error) {
	t.Helper()
	program, err := compiledCEL(expression)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	value, _, err := program.ContextEval(context.Background(), object)
	if err != nil {
		return false, err
	}
	holds, ok := value.(types.Bool)
	if !ok {
		t.Fatalf("%s is %v, and not true or false", expression, value)
	}
	return bool(holds), nil
}

// programs keeps what was compiled.
var programs = map[string]cel.Program{}

func compiledCEL(expression string) (cel.Program, error) {
	if known, ok := programs[expression]; ok {
		return known, nil
	}
	env, err := cel.NewEnv(
		cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true), cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(), ext.Strings(), ext.Sets(), ext.Encoders(),
	)
	if err != nil {
		return nil, err
	}
	parsed, issues := env.Parse(expression)
	if issues != nil && issues.Err() != nil {
		return nil, issues.Err()
	}
	program, err := env.Program(parsed, cel.EvalOptions(cel.OptOptimize), cel.InterruptCheckFrequency(100))
	if err == nil {
		programs[expression] = program
	}
	return program, err
}

// celSays judges an object as Flux does.
func celSays(t testing.TB, h system.Health, object map[string]any) stage.Answer {
	t.Helper()
	status, _ := object["status"].(map[string]any)
	metadata, _ := object["metadata"].(map[string]any)
	if seen, ok := status["observedGeneration"]; ok && seen != metadata["generation"] {
		return pending
	}
	for _, e := range []struct {
		expression string
		answer     stage.Answer
	}{{h.InProgress, pending}, {h.Failed, failing}, {h.Current, current}} {
		if e.expression == "" {
			continue
		}
		holds, err := celHolds(t, e.expression, object)
		switch {
		case err != nil:
			t.Errorf("%s: %v, of %v", e.expression, err, status)
			return pending
		case holds:
			return e.answer
		}
	}
	return pending
}

// luaSays judges an object as Argo CD does: with the basic functions, tables
// and packages, for at most a second [ARGO].
func luaSays(t testing.TB, script string, object map[string]any) stage.Answer {
	t.Helper()
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	l.SetContext(ctx)
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		l.Push(l.NewFunction(open))
		l.Push(lua.LString(name))
		l.Call(1, 0)
	}
	l.SetGlobal("obj", luaValue(l, object))
	if err := l.DoString(script); err != nil {
		t.Fatalf("%v, of %v", err, object["status"])
	}
	result, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the script returns %s", l.Get(-1).Type())
	}
	answer, ok := map[string]stage.Answer{"Healthy": current, "Degraded": failing, "Progressing": pending}[result.RawGetString("status").String()]
	if !ok {
		t.Fatalf("the script says %s", result.RawGetString("status"))
	}
	return answer
}

func luaValue(l *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case map[string]any:
		table := l.NewTable()
		for key, item := range v {
			table.RawSetString(key, luaValue(l, item))
		}
		return table
	case []any:
		table := l.NewTable()
		for _, item := range v {
			table.Append(luaValue(l, item))
		}
		return table
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case int64:
		return lua.LNumber(v)
	}
	return lua.LNil
}

// plain reads JSON as engines do: whole numbers are int64.
func plain(t testing.TB, value any) map[string]any {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		t.Fatal(err)
	}
	return whole(object).(map[string]any)
}

func whole(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, item := range v {
			v[key] = whole(item)
		}
	case []any:
		for i, item := range v {
			v[i] = whole(item)
		}
	case json.Number:
		n, _ := v.Int64()
		return n
	}
	return value
}

// managed notes in the metadata who has set what, as an API server does.
func managed(object map[string]any) map[string]any {
	fields := []any{map[string]any{"manager": "helm", "operation": "Update", "fieldsV1": map[string]any{"f:spec": map[string]any{}}}}
	if _, ok := object["status"]; ok {
		fields = append(fields, map[string]any{"manager": "operator", "operation": "Update", "subresource": "status", "fieldsV1": map[string]any{"f:status": map[string]any{}}})
	}
	object["metadata"].(map[string]any)["managedFields"] = fields
	return object
}

// rebuilds is a table of what the status of a datastore under rebuild may be,
// as the parts of status.cassandraDataReplication; "" is one without a status.
var rebuilds = map[string]struct {
	status string
	want   stage.Answer
}{
	"absent":             {"", pending},
	"empty":              {`{}`, pending},
	"creating":           {`{"state": "creating"}`, pending},
	"running":            {`{"state": "running", "cassandraDataReplication": {"state": "running", "updated": FRESH, "rebuildDetails": {"POD-0": {"state": "running", "updated": FRESH}}}}`, pending},
	"not started":        {`{"state": "running"}`, pending},
	"empty rebuild":      {`{"state": "running", "cassandraDataReplication": {}}`, pending},
	"stale complete":     {`{"cassandraDataReplication": {"state": "complete", "updated": STALE, "rebuildDetails": {"POD-0": {"state": "complete", "updated": STALE}, "POD-1": {"state": "complete", "updated": STALE}, "POD-2": {"state": "complete", "updated": STALE}}}}`, pending},
	"stale pod":          {`{"cassandraDataReplication": {"state": "complete", "updated": FRESH, "rebuildDetails": {"POD-0": {"state": "complete", "updated": FRESH}, "POD-1": {"state": "complete", "updated": STALE}, "POD-2": {"state": "complete", "updated": FRESH}}}}`, pending},
	"partial":            {`{"cassandraDataReplication": {"state": "complete", "updated": FRESH, "rebuildDetails": {"POD-0": {"state": "complete", "updated": FRESH}, "POD-1": {"state": "complete", "updated": FRESH}}}}`, pending},
	"one more":           {`{"cassandraDataReplication": {"state": "complete", "updated": FRESH, "rebuildDetails": {"POD-0": {"state": "complete", "updated": FRESH}, "POD-1": {"state": "complete", "updated": FRESH}, "POD-2": {"state": "complete", "updated": FRESH}, "POD-3": {"state": "complete", "updated": FRESH}}}}`, pending},
	"others":             {`{"cassandraDataReplication": {"state": "complete", "updated": FRESH, "rebuildDetails": {"POD-1": {"state": "complete", "updated": FRESH}, "POD-2": {"state": "complete", "updated": FRESH}, "POD-3": {"state": "complete", "updated": FRESH}}}}`, pending},
	"no times":           {`{"cassandraDataReplication": {"state": "complete", "rebuildDetails": {"POD-0": {"state": "complete"}, "POD-1": {"state": "complete"}, "POD-2": {"state": "complete"}}}}`, pending},
	"error on one pod":   {`{"cassandraDataReplication": {"state": "running", "updated": FRESH, "rebuildDetails": {"POD-0": {"state": "complete", "updated": FRESH}, "POD-1": {"state": "error", "message": "no sources", "updated": FRESH}}}}`, failing},
	"error, and no time": {`{"cassandraDataReplication": {"state": "running", "updated": FRESH, "rebuildDetails": {"POD-1": {"state": "error"}}}}`, failing},
	"complete but for 2": {`{"cassandraDataReplication": {"state": "complete", "updated": FRESH, "rebuildDetails": {"POD-0": {"state": "complete", "updated": FRESH}, "POD-1": {"state": "complete", "updated": FRESH}, "POD-2": {"state": "error", "updated": FRESH}}}}`, failing},
	"stale error":        {`{"cassandraDataReplication": {"state": "error", "updated": STALE, "rebuildDetails": {"POD-1": {"state": "error", "updated": STALE}}}}`, pending},
	"error as a whole":   {`{"cassandraDataReplication": {"state": "error", "updated": FRESH}}`, failing},
	"complete":           {`{"cassandraDataReplication": {"state": "complete", "updated": FRESH, "rebuildDetails": {"POD-0": {"state": "complete", "updated": FRESH}, "POD-1": {"state": "complete", "updated": FRESH}, "POD-2": {"state": "complete", "updated": FRESH}}}}`, current},
	"at the very start":  {`{"cassandraDataReplication": {"state": "complete", "updated": FIRST, "rebuildDetails": {"POD-0": {"state": "complete", "updated": FIRST}, "POD-1": {"state": "complete", "updated": FIRST}, "POD-2": {"state": "complete", "updated": FIRST}}}}`, current},
}

// rebuilding returns the datastore of the region that is rebuilt, with a status.
func rebuildingWith(t testing.TB, status string) *input {
	t.Helper()
	in := datastoreOf(t, "dc-2")
	in.set(seedAt, "10.0.0.11")
	in.set("status", nil)
	if status != "" {
		first := phaseStart.Add(-skew).Unix()
		status = strings.NewReplacer("POD", "apigee-cassandra-default", "FRESH", fmt.Sprint(minute(30).Unix()),
			"STALE", fmt.Sprint(first-1), "FIRST", fmt.Sprint(first)).Replace(status)
		in.set("status", document(t, status).doc)
	}
	return in
}

// agree holds gate, expressions and script against each other.
func agree(t *testing.T, in *input) stage.Answer {
	t.Helper()
	w := worldAt(t, "rebuild-complete")
	w.drop("replication") // by which the gate knows the start better than an engine
	w.inputs["datastore"] = in
	gate := stage.Verdict(decide(w.question(t)).Results)
	if gate == stage.Unknown {
		gate = pending
	}
	ring := gateRing(t).(*ring)
	w.at.Since = phaseStart
	object := managed(plain(t, in.doc))
	if says := celSays(t, ring.rebuildHealth(ring.Region("west"), w.at), object); says != gate {
		t.Errorf("the gate says %s, and Flux %s, of %v", gate, says, in.doc["status"])
	}
	metadata := object["metadata"].(map[string]any)
	metadata["annotations"] = map[string]any{system.RebuildAfter: fmt.Sprint(rebuiltSince(w.at))}
	if says := luaSays(t, datastoreScript, object); says != gate {
		t.Errorf("the gate says %s, and Argo CD %s, of %v", gate, says, in.doc["status"])
	}
	return gate
}

func TestRebuildHealth(t *testing.T) {
	for name, tt := range rebuilds {
		t.Run(name, func(t *testing.T) {
			if got := agree(t, rebuildingWith(t, tt.status)); got != tt.want {
				t.Errorf("all say %s, not %s", got, tt.want)
			}
		})
	}
}

// TestRebuildHealthAgrees makes statuses by chance.
func TestRebuildHealthAgrees(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 11))
	states := []string{"complete", "complete", "complete", "running", "error", "creating", ""}
	times := []string{"FRESH", "FRESH", "FRESH", "FIRST", "STALE", "0", ""}
	luck := 0 // out of ten, how often a part is as it should be
	pick := func(list []string) string {
		if random.IntN(10) < luck {
			return list[0]
		}
		return list[random.IntN(len(list))]
	}
	part := func() string {
		var fields []string
		if s := pick(states); s != "" {
			fields = append(fields, fmt.Sprintf(`"state": %q`, s))
		}
		if at := pick(times); at != "" {
			fields = append(fields, `"updated": `+at)
		}
		return strings.Join(fields, ", ")
	}
	counts := map[stage.Answer]int{}
	n := 1000
	for range n {
		luck = random.IntN(11)
		var pods []string
		for i := range 4 {
			if i < 3 && random.IntN(10) < luck || random.IntN(8) > 2*i {
				pods = append(pods, fmt.Sprintf(`"POD-%d": {%s}`, i, part()))
			}
		}
		fields := []string{`"rebuildDetails": {` + strings.Join(pods, ", ") + `}`}
		if p := part(); p != "" {
			fields = append(fields, p)
		}
		counts[agree(t, rebuildingWith(t, `{"state": "running", "cassandraDataReplication": {`+strings.Join(fields, ", ")+`}}`))]++
		if t.Failed() {
			return
		}
	}
	for _, answer := range []stage.Answer{current, failing, pending} {
		if counts[answer] < n/200 {
			t.Errorf("of %d statuses only %d are %s: the test says little", n, counts[answer], answer)
		}
	}
}

// TestStateHealth holds expressions and scripts of all kinds against each
// other.
func TestStateHealth(t *testing.T) {
	rows := map[string]struct {
		status string
		want   stage.Answer
	}{
		"absent":     {"", pending},
		"empty":      {`{}`, pending},
		"creating":   {`{"state": "creating"}`, pending},
		"running":    {`{"state": "running"}`, current},
		"applied":    {`{"state": "running", "lastAppliedGeneration": 4}`, current},
		"scaling":    {`{"state": "scaling"}`, pending},
		"deleting":   {`{"state": "deleting"}`, pending},
		"unobserved": {`{"state": "creating", "observedGeneration": 3}`, pending},
	}
	for _, kind := range []string{"ApigeeDatastore", "ApigeeOrganization", "ApigeeEnvironment", "ApigeeTelemetry", "ApigeeRedis"} {
		for name, tt := range rows {
			object := plain(t, map[string]any{"metadata": map[string]any{"generation": 4}})
			if tt.status != "" {
				object["status"] = plain(t, json.RawMessage(tt.status))
			}
			if says := celSays(t, stateHealth(kind, stateRunning), managed(object)); says != tt.want {
				t.Errorf("%s, %s: Flux says %s, not %s", kind, name, says, tt.want)
			}
			if says := luaSays(t, scriptOf(t, kind), object); says != tt.want {
				t.Errorf("%s, %s: Argo CD says %s, not %s", kind, name, says, tt.want)
			}
		}
	}
	behind := managed(plain(t, json.RawMessage(`{"metadata": {"generation": 5}, "status": {"state": "running", "lastAppliedGeneration": 4}}`)))
	if celSays(t, stateHealth(live.Kind, stateRunning), behind) != pending || luaSays(t, datastoreScript, behind) != pending {
		t.Error("a datastore whose last change is not applied yet is well")
	}
}

func TestReplicationHealth(t *testing.T) {
	for status, want := range map[string]stage.Answer{
		``:                      pending,
		`{}`:                    pending,
		`{"state": "running"}`:  pending,
		`{"state": "complete"}`: current,
		`{"state": "complete", "lastAppliedGeneration": 2}`: current,
		`{"state": "complete", "lastAppliedGeneration": 1}`: pending,
		`{"state": "error", "message": "no sources"}`:       failing,
		`{"state": "error", "lastAppliedGeneration": 1}`:    pending,
	} {
		object := plain(t, map[string]any{"metadata": map[string]any{"generation": 2}})
		if status != "" {
			object["status"] = plain(t, json.RawMessage(status))
		}
		if says := celSays(t, replicationHealth("expand-west"), managed(object)); says != want {
			t.Errorf("%q: Flux says %s, not %s", status, says, want)
		}
		if says := luaSays(t, scriptOf(t, replicationKind), object); says != want {
			t.Errorf("%q: Argo CD says %s, not %s", status, says, want)
		}
	}
}

// TestScriptsOfAllKinds sees that Argo CD knows every kind that is rendered, and
// that each script answers without a status too.
func TestScriptsOfAllKinds(t *testing.T) {
	for _, kind := range append(kindNames(), replicationKind) {
		luaSays(t, scriptOf(t, kind), map[string]any{})
	}
	broken := map[string]any{"status": map[string]any{"errors": []any{"no such gateway"}}}
	if says := luaSays(t, scriptOf(t, "ApigeeRouteConfig"), broken); says != failing {
		t.Errorf("a route with errors is %s", says)
	}
}

// TestRebuildNeverInPreview sees that an expression opens for nothing where
// nobody knows when the phase began.
func TestRebuildNeverInPreview(t *testing.T) {
	in := rebuildingWith(t, rebuilds["complete"].status)
	ring := gateRing(t).(*ring)
	at := worldAt(t, "rebuild-complete").at
	if says := celSays(t, ring.rebuildHealth(ring.Region("west"), at), managed(plain(t, in.doc))); says != pending {
		t.Errorf("a preview says %s", says)
	}
}

func scriptOf(t testing.TB, kind string) string {
	t.Helper()
	list := scripts()
	i := slices.IndexFunc(list, func(s system.Script) bool { return s.Kind == kind })
	if i < 0 {
		t.Fatalf("there is no script for %s", kind)
	}
	return list[i].Lua
}
