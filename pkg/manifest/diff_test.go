package manifest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func file(path string, doc *Map) File { return File{Path: path, Docs: []*Map{doc}} }

func TestDiff(t *testing.T) {
	named := func(names ...string) []any {
		list := make([]any, len(names))
		for i, n := range names {
			list[i] = NewMap("name", n, "v", 1)
		}
		return list
	}
	tests := map[string]struct {
		a, b *Map
		want []Change
	}{
		"equal":            {NewMap("a", 1, "b", []any{1}), NewMap("b", []any{int64(1)}, "a", 1), nil},
		"changed":          {NewMap("a", NewMap("b", 1)), NewMap("a", NewMap("b", 2)), []Change{{Path: "a.b", Op: Changed, Old: int64(1), New: int64(2)}}},
		"added":            {NewMap("a", NewMap()), NewMap("a", NewMap("b", "x")), []Change{{Path: "a.b", Op: Added, New: "x"}}},
		"removed":          {NewMap("a", map[string]any{"b": "x"}), NewMap("a", NewMap()), []Change{{Path: "a.b", Op: Removed, Old: "x"}}},
		"added null":       {NewMap(), NewMap("a", nil), []Change{{Path: "a", Op: Added}}},
		"null to value":    {NewMap("a", nil), NewMap("a", 1), []Change{{Path: "a", Op: Changed, New: int64(1)}}},
		"false is a value": {NewMap("a", true), NewMap("a", false), []Change{{Path: "a", Op: Changed, Old: true, New: false}}},
		"type":             {NewMap("a", "1"), NewMap("a", 1), []Change{{Path: "a", Op: Changed, Old: "1", New: int64(1)}}},
		"map to scalar":    {NewMap("a", NewMap("b", 1)), NewMap("a", 1), []Change{{Path: "a", Op: Changed, Old: map[string]any{"b": int64(1)}, New: int64(1)}}},
		"map to list":      {NewMap("a", NewMap()), NewMap("a", []any{}), []Change{{Path: "a", Op: Changed, Old: map[string]any{}, New: []any{}}}},
		"added tree": {NewMap(), NewMap("a", []any{NewMap("name", "x", "l", []string{"y"})}), []Change{
			{Path: "a", Op: Added, New: []any{map[string]any{"name": "x", "l": []any{"y"}}}},
		}},
		"order of named items": {NewMap("l", named("x", "y")), NewMap("l", named("y", "x")), nil},
		"named item": {
			NewMap("l", named("x", "y")), NewMap("l", []any{NewMap("name", "y", "v", 2), NewMap("name", "x", "v", 1)}),
			[]Change{{Path: "l[y].v", Op: Changed, Old: int64(1), New: int64(2)}},
		},
		"named item comes": {NewMap("l", named("y")), NewMap("l", named("x", "y")), []Change{
			{Path: "l[x]", Op: Added, New: map[string]any{"name": "x", "v": int64(1)}},
		}},
		"first named item comes": {NewMap("l", []any{}), NewMap("l", named("x")), []Change{
			{Path: "l[x]", Op: Added, New: map[string]any{"name": "x", "v": int64(1)}},
		}},
		"by key": {NewMap("l", []any{NewMap("key", "t", "v", 1)}), NewMap("l", []any{NewMap("key", "t", "v", 2)}), []Change{
			{Path: "l[t].v", Op: Changed, Old: int64(1), New: int64(2)},
		}},
		"by env and by step": {
			NewMap("e", []any{NewMap("env", "x"), NewMap("env", "y")}, "s", []any{NewMap("step", "x"), NewMap("step", "y")}),
			NewMap("e", []any{NewMap("env", "y"), NewMap("env", "x")}, "s", []any{NewMap("step", "y"), NewMap("step", "x")}), nil,
		},
		"a name that is there twice": {NewMap("l", named("x", "x")), NewMap("l", []any{NewMap("name", "x", "v", 1), NewMap("name", "x", "v", 2)}), []Change{
			{Path: "l[1].v", Op: Changed, Old: int64(1), New: int64(2)},
		}},
		"order of scalars": {NewMap("l", []string{"x", "y"}), NewMap("l", []string{"y", "x"}), []Change{
			{Path: "l[0]", Op: Changed, Old: "x", New: "y"}, {Path: "l[1]", Op: Changed, Old: "y", New: "x"},
		}},
		"scalar comes": {NewMap("l", []any{}), NewMap("l", []string{"x"}), []Change{{Path: "l[0]", Op: Added, New: "x"}}},
		"keys that look like paths": {NewMap("a.b", 1, "[0]", 1, "", 1), NewMap("a.b", 2, "[0]", 2, "", 2), []Change{
			{Path: `""`, Op: Changed, Old: int64(1), New: int64(2)},
			{Path: `"[0]"`, Op: Changed, Old: int64(1), New: int64(2)},
			{Path: `"a.b"`, Op: Changed, Old: int64(1), New: int64(2)},
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for i := range tt.want {
				tt.want[i].File = "f"
			}
			if diff := cmp.Diff(tt.want, Diff([]File{file("f", tt.a)}, []File{file("f", tt.b)})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiffFiles(t *testing.T) {
	a := []File{file("z", NewMap("a", 1)), file("gone", NewMap()), {Path: "docs", Docs: []*Map{NewMap("a", 1), NewMap("a", 1)}}}
	b := []File{file("new", NewMap("b", 1)), file("z", NewMap("b", 1)), {Path: "docs", Docs: []*Map{NewMap("a", 1), NewMap("a", 2)}}}
	want := []Change{
		{File: "docs", Path: "[1].a", Op: Changed, Old: int64(1), New: int64(2)},
		{File: "gone", Op: Removed},
		{File: "new", Op: Added},
		{File: "z", Path: "a", Op: Removed, Old: int64(1)},
		{File: "z", Path: "b", Op: Added, New: int64(1)},
	}
	if diff := cmp.Diff(want, Diff(a, b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDiffProperties checks random trees: nothing differs from itself, what
// differs does so the other way round too, and twice is the same as once.
func TestDiffProperties(t *testing.T) {
	for seed := range uint64(3000) {
		checkDiff(t, seed)
	}
}

func FuzzDiff(f *testing.F) {
	f.Add(uint64(0))
	f.Fuzz(checkDiff)
}

func checkDiff(t *testing.T, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	a := []File{file("f", tree(r, 3)), file("g", tree(r, 1))}
	b := []File{file("f", tree(r, 3)), file("g", tree(r, 1))}
	forth := Diff(a, b)
	if got := Diff(a, a); len(got) != 0 {
		t.Fatalf("seed %d: Diff(a, a) = %v", seed, got)
	}
	if got := Diff(a, shuffled(r, a)); len(got) != 0 {
		t.Fatalf("seed %d: the order of keys and named items counts: %v", seed, got)
	}
	if diff := cmp.Diff(forth, mirrored(Diff(b, a))); diff != "" {
		t.Fatalf("seed %d: Diff(b, a) does not mirror Diff(a, b):\n%s", seed, diff)
	}
	if diff := cmp.Diff(forth, Diff(a, b)); diff != "" {
		t.Fatalf("seed %d: the second Diff is another one:\n%s", seed, diff)
	}
	same := reflect.DeepEqual(canonical(a[0].content()), canonical(b[0].content())) && reflect.DeepEqual(canonical(a[1].content()), canonical(b[1].content()))
	if same != (len(forth) == 0) {
		t.Fatalf("seed %d: equal is %t, but Diff(a, b) = %v", seed, same, forth)
	}
}

// tree makes a map of few keys and values, so that two of them meet often.
func tree(r *rand.Rand, depth int) *Map {
	m := NewMap()
	for range r.IntN(4) {
		m.Set(string(rune('a'+r.IntN(4))), branch(r, depth))
	}
	return m
}

func branch(r *rand.Rand, depth int) any {
	if depth == 0 {
		return []any{nil, true, 1, int64(2), 0.5, "x", "", "y"}[r.IntN(8)]
	}
	switch r.IntN(6) {
	case 0:
		return tree(r, depth-1)
	case 1:
		return plainMap(tree(r, depth-1).values)
	case 2:
		return namedItems(r, depth-1)
	case 3:
		list := make([]any, r.IntN(3))
		for i := range list {
			list[i] = branch(r, depth-1)
		}
		return list
	case 4:
		return slices.Repeat([]string{"x", "y"}, r.IntN(2))
	}
	return branch(r, 0)
}

func namedItems(r *rand.Rand, depth int) []any {
	var list []any
	for _, i := range r.Perm(4)[:r.IntN(4)] {
		list = append(list, tree(r, depth).Set("name", fmt.Sprint(i)))
	}
	return list
}

// shuffled returns the files with their keys and named items in another order.
func shuffled(r *rand.Rand, files []File) []File {
	out := make([]File, len(files))
	for i, f := range files {
		m := NewMap()
		m.Merge(shuffle(r, f.content()).(map[string]any))
		out[len(files)-1-i] = file(f.Path, m)
	}
	return out
}

func shuffle(r *rand.Rand, value any) any {
	switch v := value.(type) {
	case map[string]any:
		for k := range v {
			v[k] = shuffle(r, v[k])
		}
	case []any:
		for i := range v {
			v[i] = shuffle(r, v[i])
		}
		if _, named := keyBy(v, "name"); named {
			r.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
		}
	}
	return value
}

// canonical orders named items, so that equal trees are deeply equal.
func canonical(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for k := range v {
			v[k] = canonical(v[k])
		}
	case []any:
		for i := range v {
			v[i] = canonical(v[i])
		}
		if _, named := keyBy(v, "name"); named {
			slices.SortFunc(v, func(a, b any) int {
				return strings.Compare(a.(map[string]any)["name"].(string), b.(map[string]any)["name"].(string))
			})
		}
	}
	return value
}

func mirrored(changes []Change) []Change {
	other := map[Op]Op{Added: Removed, Removed: Added, Changed: Changed}
	for i, c := range changes {
		changes[i].Op, changes[i].Old, changes[i].New = other[c.Op], c.New, c.Old
	}
	return changes
}
