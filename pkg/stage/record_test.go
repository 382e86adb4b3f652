package stage

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/ringplan/ringplan/pkg/observe"
)

// TestDigestDependsOnEveryField changes each field of a record, and of its
// results, in turn; a field that somebody adds is changed too.
func TestDigestDependsOnEveryField(t *testing.T) {
	digests := map[string]string{full(t).Digest(): "nothing"}
	see := func(field string, rec Record) {
		digest := rec.Digest()
		if other, ok := digests[digest]; ok {
			t.Errorf("a change of %s gives the digest of a change of %s", field, other)
		}
		digests[digest] = field
	}
	for i := range reflect.TypeFor[Record]().NumField() {
		rec := full(t)
		field := reflect.ValueOf(&rec).Elem().Field(i)
		if field.IsZero() {
			t.Errorf("the full record has no %s", reflect.TypeFor[Record]().Field(i).Name)
		}
		change(t, field)
		see(reflect.TypeFor[Record]().Field(i).Name, rec)
		rec = full(t)
		reflect.ValueOf(&rec).Elem().Field(i).SetZero()
		see(reflect.TypeFor[Record]().Field(i).Name+" to nothing", rec)
	}
	for i := range reflect.TypeFor[Result]().NumField() {
		rec := full(t)
		change(t, reflect.ValueOf(&rec.Results[0]).Elem().Field(i))
		see("a result's "+reflect.TypeFor[Result]().Field(i).Name, rec)
	}
	for i := range reflect.TypeFor[observe.Observation]().NumField() {
		rec := full(t)
		field := reflect.ValueOf(&rec.Observations[0]).Elem().Field(i)
		if !field.IsZero() {
			field.SetZero()
			see("an observation's "+reflect.TypeFor[observe.Observation]().Field(i).Name, rec)
		}
	}
	for name, edit := range map[string]func(*Record){
		"the order of results":      func(r *Record) { r.Results[0], r.Results[1] = r.Results[1], r.Results[0] },
		"a result more":             func(r *Record) { r.Results = append(r.Results, Result{}) },
		"the order of observations": func(r *Record) { r.Observations[0], r.Observations[1] = r.Observations[1], r.Observations[0] },
		"a field deep inside":       func(r *Record) { r.Observations[0].Datastore.Status.Rebuild.Pods[0].State = observe.Some("complete") },
		"a fact renamed":            func(r *Record) { r.Facts = map[string]string{"Version": "1.10", "network": "no"} },
		"a number expected":         func(r *Record) { r.Expected.(map[string]any)["replicas"] = 4.0 },
		"a number as text":          func(r *Record) { r.Expected.(map[string]any)["replicas"] = "3" },
		"null for nothing":          func(r *Record) { delete(r.Expected.(map[string]any), "none") },
	} {
		rec := full(t)
		edit(&rec)
		see(name, rec)
	}
}

// change gives a value another one of its type.
func change(t *testing.T, v reflect.Value) {
	t.Helper()
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = x.Add(time.Second)
	case *any:
		*x = map[string]any{"changed": true}
	case *map[string]string:
		*x = map[string]string{"changed": "yes"}
	case *[]Result:
		*x = (*x)[:1]
	case *observe.Set:
		*x = (*x)[1:]
	default:
		switch v.Kind() {
		case reflect.String:
			v.SetString(v.String() + "x")
		case reflect.Int, reflect.Int64:
			v.SetInt(v.Int() + 1)
		default:
			t.Fatalf("no way to change a %s", v.Type())
		}
	}
}

func TestDigestIsStable(t *testing.T) {
	rec := Record{Step: 1, Time: noon, Topology: "t", Region: "a", Action: Start, Procedure: "found", From: Planned, To: making}
	// The chains in users' repositories depend on it.
	const want = "fe8274a4b30e98b7b7c20f0b688d52d1a5b2d3a4554709592280a8690a973bcb"
	if got := rec.Digest(); got != want {
		t.Errorf("got %s", got)
	}
	if first, second := full(t).Digest(), full(t).Digest(); first != second {
		t.Error("the digest is another the second time")
	}
}

// TestDigestOfEmpty shows that what is written alike has one digest.
func TestDigestOfEmpty(t *testing.T) {
	rec := Record{Step: 1, Facts: map[string]string{}, Results: []Result{}, Observations: observe.Set{}}
	if rec.Digest() != (Record{Step: 1}).Digest() {
		t.Error("empty and missing differ")
	}
}

func TestPath(t *testing.T) {
	tests := map[string]Record{
		"evidence/b/01-start-grow.yaml":   {Step: 1, Region: "b", Action: Start, Procedure: "grow"},
		"evidence/b/02-start-grow.yaml":   {Step: 2, Region: "b", Action: Start, Procedure: "grow", Gate: "quiet"},
		"evidence/b/03-joined.yaml":       {Step: 3, Region: "b", Action: Advance, Procedure: "grow", Gate: "joined"},
		"evidence/b/04-advance.yaml":      {Step: 4, Region: "b", Action: Advance, Procedure: "grow"},
		"evidence/a/05-adopt.yaml":        {Step: 5, Region: "a", Action: Adopt, Procedure: "take", Gate: "whole"},
		"evidence/a/06-adopt.yaml":        {Step: 6, Region: "a", Action: Adopt, Procedure: "take"},
		"evidence/b/10-abort-pull.yaml":   {Step: 10, Region: "b", Action: Abort, Procedure: "pull"},
		"evidence/b/100-abort-grow.yaml":  {Step: 100, Region: "b", Action: Abort, Procedure: "grow"},
		"evidence/us-east1/1234-abc.yaml": {Step: 1234, Region: "us-east1", Action: Advance, Gate: "abc"},
	}
	for want, rec := range tests {
		if got := rec.Path(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestSince shows that what starts or adopts has no phase before it that an
// observation could be older than.
func TestSince(t *testing.T) {
	tests := map[Action]time.Time{Start: noon.Add(time.Hour), Adopt: noon.Add(time.Hour), Advance: noon, Abort: noon}
	for action, want := range tests {
		rec := Record{Action: action, Time: noon.Add(2 * time.Hour)}
		if got := rec.Since(Progress{Since: noon}); !got.Equal(want) {
			t.Errorf("%s: got %s, want %s", action, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	tests := map[string]time.Duration{`"2m0s"`: 2 * time.Minute, `"1h30m0s"`: 90 * time.Minute, `"500ms"`: 500 * time.Millisecond, `"0s"`: 0}
	for text, d := range tests {
		written, err := json.Marshal(Duration(d))
		if err != nil || string(written) != text {
			t.Errorf("%s is written as %s, %v", d, written, err)
		}
		var read Duration
		if err := json.Unmarshal([]byte(text), &read); err != nil || read != Duration(d) {
			t.Errorf("%s is read as %d, %v", text, read, err)
		}
	}
	for _, text := range []string{`"2"`, `"soon"`, `""`, `120`, `true`} {
		var read Duration
		if err := json.Unmarshal([]byte(text), &read); err == nil {
			t.Errorf("%s is read as %d", text, read)
		}
	}
}
