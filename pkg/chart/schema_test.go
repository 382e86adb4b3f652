package chart

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringplan/ringplan/pkg/release"
)

// TestSchemaProblems names the values that a schema is against.
func TestSchemaProblems(t *testing.T) {
	c := shop("1.0.0", files{
		"Chart.yaml":             "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: cart, version: 1.0.0}, {name: cart, alias: basket, version: 1.0.0}]\n",
		"values.schema.json":     `{"type": "object", "required": ["name"], "additionalProperties": true, "properties": {"replicas": {"type": "integer"}, "list": {"type": "array", "items": {"type": "object", "properties": {"port": {"type": "integer", "maximum": 9}}}}, "odd.key": {"type": "object", "additionalProperties": {"type": "string"}}}}`,
		"charts/cart/Chart.yaml": "apiVersion: v2\nname: cart\nversion: 1.0.0\n", "charts/cart/values.yaml": "size: 1\n",
		"charts/cart/values.schema.json": `{"properties": {"size": {"type": "integer"}, "list": {"type": "array", "items": {"type": "string"}}}}`,
	}).parse(t)
	got := c.Render(release.Release{Name: "a", Values: valuesFrom(t, `{replicas: x, list: [{port: 1}, {port: 10}, {port: big}], odd.key: {"1": 2}, cart: {size: big}, basket: {list: [a, 1]}}`)}, cluster)
	var problems []string
	for _, p := range got.Problems {
		if p.Code != release.AgainstSchema {
			t.Errorf("%+v", p)
		}
		problems = append(problems, p.Value+" "+p.Message)
	}
	want := []string{
		" chart shop refuses the values: missing property 'name'",
		`"odd.key"."1" chart shop refuses "odd.key"."1": got number, want string`,
		"list[1].port chart shop refuses list[1].port: maximum: got 10, want 9",
		"list[2].port chart shop refuses list[2].port: got string, want integer",
		"replicas chart shop refuses replicas: got string, want integer",
		"basket.list[1] chart basket refuses basket.list[1]: got number, want string",
		"cart.size chart cart refuses cart.size: got string, want integer",
	}
	slices.Sort(problems)
	slices.Sort(want)
	if !slices.Equal(problems, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(problems, "\n"), strings.Join(want, "\n"))
	}
	if len(got.Objects) > 0 {
		t.Error("a chart renders against its schema")
	}
}

// TestSchemaReferences refuses schemas that refer to what is elsewhere, without
// asking for it.
func TestSchemaReferences(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	asked := make(chan struct{}, 1)
	go func() {
		if c, err := listener.Accept(); err == nil {
			c.Close()
			asked <- struct{}{}
		}
	}()
	dir := t.TempDir()
	files{"other.json": "true"}.write(t, dir)
	for _, ref := range []string{
		"http://" + listener.Addr().String() + "/schema.json", "file://" + filepath.ToSlash(filepath.Join(dir, "other.json")), "other.json", "urn:example:other", "https://json.schemastore.invalid/x",
	} {
		f := shop("1.0.0", files{"values.schema.json": `{"properties": {"a": {"$ref": "` + ref + `"}}}`})
		c, err := parse(f.load(t))
		if err == nil || c != nil || !strings.Contains(err.Error(), "values.schema.json of shop: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", ref, err)
		}
		if wd, err2 := filepath.Abs("."); err2 == nil && strings.Contains(err.Error(), wd) {
			t.Errorf("%v has the folder that the program runs in", err)
		}
	}
	select {
	case <-asked:
		t.Error("a schema was asked for")
	case <-time.After(50 * time.Millisecond):
	}
	c := shop("1.0.0", files{"values.schema.json": `{"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}}`}).parse(t)
	if got := c.Render(release.Release{Name: "a", Values: map[string]any{"a": int64(1)}}, cluster); len(got.Problems) != 1 || got.Problems[0].Value != "a" {
		t.Errorf("a reference inside: %+v", got.Problems)
	}
}
