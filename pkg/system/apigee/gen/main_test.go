package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/google/go-cmp/cmp"
)

// packageDir is the directory of package apigee.
const packageDir = ".."

// read returns a file of package apigee.
func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(packageDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFilesAreUpToDate(t *testing.T) {
	cueSource, goSource, err := generate(read(t, tableFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{cueFile: cueSource, goFile: goSource} {
		if diff := cmp.Diff(string(want), string(read(t, name))); diff != "" {
			t.Errorf("%s is stale, run go generate ./pkg/system/apigee (-want +have):\n%s", name, diff)
		}
	}
}

func TestWriteIfChanged(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	for _, content := range []string{"one", "two"} {
		if err := writeIfChanged(name, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(name); string(got) != content {
			t.Errorf("wrote %q, want %q", got, content)
		}
	}
	before, _ := os.Stat(name)
	if err := writeIfChanged(name, []byte("two")); err != nil {
		t.Error(err)
	}
	if after, _ := os.Stat(name); !after.ModTime().Equal(before.ModTime()) {
		t.Error("wrote a file that had the content already")
	}
}

func TestGenerateRefuses(t *testing.T) {
	tests := map[string]struct {
		table string
		want  string
	}{
		"nothing":             {``, `no properties`},
		"empty entry":         {`[~]`, `entry 1 is empty`},
		"no YAML":             {`[{]`, `yaml: `},
		"unknown key":         {`[{path: a, type: string, colour: red}]`, `field colour not found`},
		"unknown inner key":   {`[{path: a, type: string, deprecated: {version: "1.2", instead: b}}]`, `field instead not found`},
		"repeated key":        {`[{path: a, path: b, type: string}]`, `already defined`},
		"repeated path":       {`[{path: a, type: string}, {path: a, type: string}]`, `a: listed twice`},
		"unsorted":            {`[{path: b, type: string}, {path: a, type: string}]`, `a: sorts before b, which it follows`},
		"no path":             {`[{type: string}]`, `"" is not a dotted path`},
		"bad path":            {`[{path: a..b, type: string}]`, `"a..b" is not a dotted path`},
		"index in a path":     {`[{path: "a[0].b", type: string}]`, `is not a dotted path`},
		"no type":             {`[{path: a}]`, `a: unknown type ""`},
		"unknown type":        {`[{path: a, type: text}]`, `a: unknown type "text"`},
		"value and group":     {`[{path: a, type: string}, {path: a.b, type: string}]`, `a.b: a is a value and cannot hold it`},
		"closed map as group": {`[{path: a, type: map}, {path: a.b, type: string}]`, `a is a value and cannot hold it`},
		"far below a value":   {`[{path: a, type: string}, {path: a.b.c, type: string}]`, `a.b.c: a is a value and cannot hold it`},
		"map and list":        {`[{path: a.b, type: string}, {path: "a[].c", type: string}]`, `a[].c: a is a list in one place and none in another`},
		"value and list":      {`[{path: a, type: map, open: true}, {path: "a[].c", type: string}]`, `a is a list in one place and none in another`},
		"open string":         {`[{path: a, type: string, open: true}]`, `a: open needs type map or list`},
		"allowed integer":     {`[{path: a, type: integer, allowed: ["1", "2"]}]`, `allowed, maxLength and pattern need type string`},
		"allowed one":         {`[{path: a, type: string, allowed: [b]}]`, `allowed needs at least two values, each once`},
		"allowed twice":       {`[{path: a, type: string, allowed: [b, b]}]`, `allowed needs at least two values, each once`},
		"allowed and pattern": {`[{path: a, type: string, allowed: [b, c], pattern: "^b$", expect: b}]`, `allowed leaves nothing to say`},
		"minimum of a string": {`[{path: a, type: string, min: 1}]`, `min and max need type integer`},
		"empty range":         {`[{path: a, type: integer, min: 2, max: 1}]`, `max 1 is below min 2`},
		"broken pattern":      {`[{path: a, type: string, pattern: "^($", expect: b}]`, `pattern: error parsing regexp`},
		"loose pattern":       {`[{path: a, type: string, pattern: "b", expect: b}]`, `pattern must start with ^ and end with $`},
		"pattern unexplained": {`[{path: a, type: string, pattern: "^b$"}]`, `maxLength and pattern need expect`},
		"expect alone":        {`[{path: a, type: string, expect: b}]`, `maxLength and pattern need expect`},
		"default of a type":   {`[{path: a, type: integer, default: "3"}]`, `default 3 is not a valid integer`},
		"default of a string": {`[{path: a, type: string, default: 3}]`, `default 3 is not a valid string`},
		"default of a bool":   {`[{path: a, type: boolean, default: "true"}]`, `default true is not a valid boolean`},
		"default quantity":    {`[{path: a, type: quantity, default: lots}]`, `default lots is not a valid quantity`},
		"default not allowed": {`[{path: a, type: string, allowed: [b, c], default: d}]`, `default d is not a valid string`},
		"default too small":   {`[{path: a, type: integer, min: 1, default: 0}]`, `default 0 is not a valid integer`},
		"default too big":     {`[{path: a, type: integer, max: 1, default: 2}]`, `default 2 is not a valid integer`},
		"default too long":    {`[{path: a, type: string, maxLength: 1, expect: b, default: bb}]`, `default bb is not a valid string`},
		"default no match":    {`[{path: a, type: string, pattern: "^b$", expect: b, default: c}]`, `default c is not a valid string`},
		"default of any":      {`[{path: a, type: any, default: b}]`, `default b is not a valid any`},
		"since":               {`[{path: a, type: string, since: v1}]`, `"v1" is not a version`},
		"deprecated never":    {`[{path: a, type: string, deprecated: {use: [b]}}, {path: b, type: string}]`, `a: "none" is not a version`},
		"deprecated for none": {`[{path: a, type: string, deprecated: {version: "1.2"}}]`, `a: deprecated without use`},
		"deprecated for what": {`[{path: a, type: string, deprecated: {version: "1.2", use: [b]}}]`, `a: use b: no such property`},
		"unknown minor":       {`[{path: a, type: string, unread: ["1.14"]}]`, `unread "1.14" is not one of 1.15, 1.16`},
		"unsorted minors":     {`[{path: a, type: string, unread: ["1.16", "1.15"]}]`, `unread must be sorted`},
		"documented":          {`[{path: a, type: string, documented: true}]`, `documented is only ever false`},
		"note with a period":  {`[{path: a, type: string, note: b.}]`, `"b." must be one line`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			table := ""
			if tt.table != "" {
				table = "properties: " + tt.table
			}
			_, _, err := generate([]byte(table))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestGenerateNamesEveryFault(t *testing.T) {
	_, _, err := generate([]byte(`properties: [{path: a, type: text}, {path: b, type: string, since: x}, {path: b, type: map}]`))
	want := "a: unknown type \"text\"\nb: \"x\" is not a version\nb: listed twice"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestGenerateSmallTable(t *testing.T) {
	cueSource, goSource, err := generate([]byte(`properties:
  - {path: a, type: map, open: true, note: an open map}
  - {path: a.string, type: integer, default: 3, max: 9, since: "1.2", unread: ["1.15"], note: a number}
  - {path: "b[].c", type: string, maxLength: 3, expect: at most three characters}
`))
	if err != nil {
		t.Fatal(err)
	}
	wantCUE := generatedBy + `package schema

import "strings"

// The overrides file of Apigee hybrid: what its charts read or its reference
// documents, and nothing else.
#ApigeeValues: {
	// Note: an open map.
	a?: {
		// Default: 3.
		// Since: 1.2.
		// Ignored by the charts of 1.15.
		// Note: a number.
		"string"?: int & >=0 & <=9 @expect("a whole number from 0 to 9")
		...
	} @expect("a map")
	b?: [...{
		c?: string & strings.MaxRunes(3) @expect("at most three characters")
	}] @expect("a list of maps")
}
`
	wantGo := generatedBy + `package apigee

// properties is the table of properties.yaml, sorted by path.
var properties = [...]property{
	{path: "a", kind: kindMap},
	{path: "a.string", kind: kindInteger, since: "1.2", unread: []string{"1.15"}, note: "a number"},
	{path: "b[].c", kind: kindString},
}
`
	if diff := cmp.Diff(wantCUE, string(cueSource)); diff != "" {
		t.Errorf("CUE (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantGo, string(goSource)); diff != "" {
		t.Errorf("Go (-want +got):\n%s", diff)
	}
}

// quantity stands in for the definition in schema/topology.cue, so that this
// test depends on no other file of the schema.
const quantity = `
#Quantity: number | =~"^[0-9]+(\\.[0-9]+)?([munkMGTPE]|[KMGTPE]i|[eE][0-9]+)?$"
`

// definition compiles the generated CUE and returns #ApigeeValues.
func definition(t testing.TB) cue.Value {
	t.Helper()
	source := string(read(t, cueFile)) + quantity
	v := cuecontext.New().CompileString(source, cue.Filename("apigee_values.cue"))
	if err := v.Err(); err != nil {
		t.Fatal(err)
	}
	return v.LookupPath(cue.ParsePath("#ApigeeValues"))
}

func TestApigeeValues(t *testing.T) {
	tests := []struct {
		values string
		ok     bool
	}{
		{`{}`, true},
		{`cassandra: replicaCount: 3`, true},
		{`cassandra: replicaCount: "three"`, false},
		{`cassandra: replicaCount: 3.5`, false},
		{`cassandra: replicaCount: -3`, false},
		{`cassandra: foo: 1`, false},
		{`casandra: replicaCount: 3`, false},
		{`cassandra: tolerations: [{key: "a", Operator: "Exists"}]`, false},
		{`cassandra: tolerations: [{key: "a", operator: "Exists"}]`, true},
		{`cassandra: resources: requests: cpu: "500m"`, true},
		{`cassandra: resources: requests: cpu: 1`, true},
		{`cassandra: resources: requests: cpu: 0.5`, true},
		{`cassandra: resources: requests: cpu: "lots"`, false},
		{`cassandra: resources: limits: "hugepages-2Mi": "1Gi"`, true},
		{`mart: resources: limits: "hugepages-2Mi": "1Gi"`, true},
		{`cassandra: annotations: {"example.com/team": "data", tier: 1, on: true}`, true},
		{`cassandra: annotations: {team: {name: "data"}}`, false},
		{`cassandra: storage: {storageClass: "fast", storageSize: "10Gi"}`, true},
		{`cassandra: securityContext: seccompProfile: {type: "Localhost", localhostProfile: "a.json"}`, true},
		{`envs: [{name: "test", httpProxy: scheme: "HTTP"}]`, true},
		{`envs: [{name: "test", httpProxy: scheme: "FTP"}]`, false},
		{`envs: [{name: "test", paramaters: {}}]`, false},
		{`envs: {name: "test"}`, false},
		{`virtualhosts: [{minTLSProtocolVersion: "1.2"}]`, true},
		{`virtualhosts: [{minTLSProtocolVersion: 1.2}]`, false},
		{`virtualhosts: [{cipherSuites: ["AES128-SHA"]}]`, true},
		{`virtualhosts: [{cipherSuites: ["AES129-SHA"]}]`, false},
		{`virtualhosts: [{additionalGateways: ["one", "two"]}]`, true},
		{`virtualhosts: [{additionalGateways: [{name: "one"}]}]`, false},
		{`watcher: replicaCountMax: 2`, false},
		{`mart: livenessProbe: {anything: {goes: ["here"]}}`, true},
		{`mart: livenessProbe: failureThreshold: 0`, false},
		// No probe of the watcher is read, so none is open.
		{`watcher: livenessProbe: anything: 1`, false},
		{`tolerations: [{key: "a", anything: 1}]`, true},
		{`udca: env: [{name: "A", value: "b"}]`, true},
		{`instanceID: "region1"`, true},
		{`instanceID: "region-1"`, false},
		{`ingressGateways: [{name: "ingress.one-1"}]`, true},
		{`ingressGateways: [{name: "ingress-"}]`, false},
		{`ingressGateways: [{name: "ingress-gateway-one"}]`, false},
	}
	def := definition(t)
	for _, tt := range tests {
		values := cuecontext.New().CompileString(tt.values)
		if err := values.Err(); err != nil {
			t.Fatal(err)
		}
		err := def.Unify(values).Validate(cue.Concrete(true))
		if tt.ok && err != nil {
			t.Errorf("%s: refused: %v", tt.values, err)
		}
		if !tt.ok && err == nil {
			t.Errorf("%s: accepted", tt.values)
		}
	}
}

// plainExpect is what an attribute's absence may stand for.
var plainExpect = map[cue.Kind]bool{cue.StringKind: true, cue.BoolKind: true}

func TestApigeeValuesTellWhatTheyExpect(t *testing.T) {
	fields := 0
	var walk func(v cue.Value)
	walk = func(v cue.Value) {
		iter, err := v.Fields(cue.Optional(true))
		if err != nil {
			t.Fatalf("%s: %v", v.Path(), err)
		}
		for iter.Next() {
			field := iter.Value()
			fields++
			attr := field.Attribute("expect")
			words, _ := attr.String(0)
			if words == "" && !plainExpect[field.IncompleteKind()] {
				t.Errorf("%s of kind %v has no @expect", field.Path(), field.IncompleteKind())
			}
			switch field.IncompleteKind() {
			case cue.StructKind:
				walk(field)
			case cue.ListKind:
				if item := field.LookupPath(cue.MakePath(cue.AnyIndex)); item.IncompleteKind() == cue.StructKind {
					walk(item)
				}
			}
		}
	}
	walk(definition(t))
	if fields < 700 {
		t.Errorf("found only %d fields", fields)
	}
}

func BenchmarkCompileApigeeValues(b *testing.B) {
	for b.Loop() {
		definition(b)
	}
}
