package overlay

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// try does something with kustomize, which panics at some input.
func try(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("kustomize breaks off: %v", r)
		}
	}()
	return do()
}

// joined makes one error of several, on one line, with the first hint of them.
func joined(all []error) error {
	if len(all) == 0 {
		return nil
	}
	var texts []string
	hint := ""
	for _, err := range all {
		texts = append(texts, err.Error())
		if hint == "" {
			hint = hintOf(err)
		}
	}
	return hinted{errors.New(strings.Join(texts, "; ")), hint}
}

// wrappings start what kustomize puts around the reason of an error.
var wrappings = regexp.MustCompile(`^(?s:accumulating (?:resources|components)|accumulating resources from '[^']*'|accumulateDirectory|loader\.New|` +
	`accumulation err='accumulating resources from '[^']*': [^:]*'|recursed (?:accumulation of|merging from) path '[^']*'|couldn't make target for path '[^']*'|` +
	"trouble configuring builtin \\w+ with config: `.*`|" +
	`merging from generator .*|invalid Kustomization|json|error converting YAML to JSON|MalformedYAMLError): `)

// noFolder is an error of a file that kustomize has tried to take for a folder.
var noFolder = regexp.MustCompile(`^(?s:accumulation err='(?:accumulating|merging) resources from '([^']*)': (.*)': must build at directory: '[^']*': file is not directory)$`)

// unreadable are the parts of messages that are for whoever works on kustomize.
var unreadable = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`^merging resources from '([^']*)': `), "$1: "},
	{regexp.MustCompile(`(?s)(?:from )?\[patch: "(.{0,60}).*"\]`), "[$1]"},
	{regexp.MustCompile(`resid\.ResId\{Gvk:resid\.Gvk\{Group:"[^"]*", Version:"[^"]*", Kind:"([^"]*)", isClusterScoped:\w+\}, Name:"([^"]*)", Namespace:"[^"]*"\}`), "$1 $2"},
	{regexp.MustCompile(`\b(\w+)\.(?:\[noVer\]|v\w+)\.(?:\[noGrp\]|[a-z0-9.-]+)/(\S+)\.(?:\[noNs\]|[a-z0-9-]+)`), "$1 $2"},
	{regexp.MustCompile(`cannot unmarshal (\w+) into Go struct field \w+\.(\S+) of type (\w+)`), "$2 is a $1, not a $3"},
	{regexp.MustCompile(` in object \{\{.*\}`), ""},
}

// plain returns the reason in an error of kustomize's, in one line.
func plain(err error) string {
	text := err.Error()
	for {
		text = noFolder.ReplaceAllString(text, "$1: $2")
		cut := wrappings.FindString(text)
		if cut == "" {
			break
		}
		text = strings.TrimSpace(text[len(cut):])
		if quoted, err := strconv.Unquote(text); err == nil {
			text = quoted
		}
	}
	for _, u := range unreadable {
		text = u.pattern.ReplaceAllString(text, u.with)
	}
	return oneLine(strings.ReplaceAll(text, mirrorRoot+"/", ""))
}

// oneLine cuts a text to one line that can be read.
func oneLine(text string) string {
	const most = 400
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// coreGroup is how a target says the group that has no name.
const coreGroup = "^$"

// wanted says what a patch is for.
func wanted(p *types.Patch) string {
	target := targetOf(p)
	var parts []string
	for _, f := range []struct{ name, value string }{
		{"group", strings.TrimPrefix(target.Group, coreGroup)}, {"version", target.Version}, {"kind", target.Kind}, {"name", target.Name}, {"namespace", target.Namespace},
		{"labels", target.LabelSelector}, {"annotations", target.AnnotationSelector},
	} {
		if f.value != "" {
			parts = append(parts, f.name+" "+unquoted(f.value))
		}
	}
	if len(parts) == 0 {
		return "there is no object"
	}
	return "there is no object with " + strings.Join(parts, ", ")
}

// targetOf returns the target of a patch, or the first object that a strategic
// merge patch without target describes.
func targetOf(p *types.Patch) types.Selector {
	if p.Target != nil {
		return *p.Target
	}
	var target types.Selector
	patches, err := factory.RF().SliceFromBytes([]byte(p.Patch))
	if err == nil && len(patches) > 0 {
		target.ResId = patches[0].OrgId()
	}
	return target
}

// unquoted returns the text that a regular expression matches, if it is quoted.
func unquoted(pattern string) string {
	if plain := strings.ReplaceAll(pattern, `\`, ""); regexp.QuoteMeta(plain) == pattern {
		return plain
	}
	return pattern
}

// nearest names the object that a patch that finds nothing may mean.
func nearest(m resmap.ResMap, p *types.Patch) string {
	target := targetOf(p)
	kind, name := unquoted(target.Kind), unquoted(target.Name)
	var best *resource.Resource
	least := -1
	for _, r := range m.Resources() {
		// Another kind is further off than any name.
		d := 0
		if name != "" {
			d += distance(name, r.GetName())
		}
		if kind != "" {
			d += 100 * distance(kind, r.GetKind())
		}
		if least < 0 || d < least {
			best, least = r, d
		}
	}
	if best == nil {
		return "there are no objects"
	}
	id := identity(best)
	text := "there is " + id.short()
	if target.Group+target.Version != "" && id.apiVersion != strings.TrimPrefix(unquoted(target.Group)+"/"+unquoted(target.Version), "/") {
		text += " of " + id.apiVersion
	}
	if ns := unquoted(target.Namespace); ns != "" && ns != id.namespace {
		text += " in namespace " + strings.TrimSpace(id.namespace+" ")
		if id.namespace == "" {
			text = strings.TrimSuffix(text, " in namespace ") + " without a namespace"
		}
	}
	text += pairs(", with the labels ", target.LabelSelector, best.GetLabels())
	return text + pairs(", with the annotations ", target.AnnotationSelector, best.GetAnnotations())
}

// pairs lists labels or annotations, if a selector looks at them.
func pairs(before, selector string, of map[string]string) string {
	if selector == "" {
		return ""
	}
	var list []string
	for key, value := range of {
		list = append(list, key+"="+value)
	}
	slices.Sort(list)
	if len(list) == 0 {
		list = []string{"none"}
	}
	return before + oneLine(strings.Join(list, " "))
}

// nearestImage names the image in use that another may mean.
func nearestImage(m resmap.ResMap, name string) string {
	best, least := "", -1
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n == nil {
			return
		}
		for i, child := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "image" && child.Kind == yaml.ScalarNode {
				if d := distance(name, imageName(child.Value)); least < 0 || d < least {
					best, least = imageName(child.Value), d
				}
			}
			walk(child)
		}
	}
	for _, r := range m.Resources() {
		walk(r.YNode())
	}
	if best == "" {
		return "there are no images"
	}
	return "there is " + best
}

// imageName returns an image without its tag and digest.
func imageName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		image = image[:i]
	}
	return image
}

// distance counts the letters to change, add or take out to make b of a.
func distance(a, b string) int {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		corner := row[0]
		row[0] = i + 1
		for j := range y {
			cost := corner
			if x[i] != y[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, corner+1)
		}
	}
	return row[len(y)]
}
