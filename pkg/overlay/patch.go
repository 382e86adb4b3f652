package overlay

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/builtins" //nolint:staticcheck // nothing else applies a patch as a build does
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

// applyPatches applies one patch after the other, as a build does, and leaves out
// those that are not fit.
func (a *application) applyPatches() {
	var good []types.Patch
	for i := range a.overlay.Patches {
		p := a.overlay.Patches[i]
		problem, ok := a.applyPatch(&p, good)
		if problem != nil {
			problem.Patch = i
			a.problems = append(a.problems, *problem)
		}
		if ok {
			good = append(good, p)
		} else {
			a.refused = true
		}
	}
	a.overlay.Patches = good
}

// applyPatch applies a patch, and reports whether kustomize can.
func (a *application) applyPatch(p *types.Patch, before []types.Patch) (problem *Problem, ok bool) {
	if p.Path != "" {
		return &Problem{Message: "the patch is in a file, " + p.Path, Hint: "the overlay holds the patch itself"}, false
	}
	transformer, err := transformerOf(p)
	if err != nil {
		return &Problem{Message: explain(p.Patch, plain(err))}, false
	}
	next := a.now.DeepCopy()
	selected, err := selects(next, p)
	if err != nil {
		return &Problem{Message: "what the patch is for cannot be told: " + plain(err)}, false
	}
	if len(selected) == 0 {
		return a.findsNothing(p, before)
	}
	if a.files.hashes && !slices.ContainsFunc(selected, a.isGiven) && !a.finds(p, before) {
		return &Problem{Message: "the patch finds nothing at its place: " + wanted(p), Hint: "name objects as they are before kustomize puts a hash behind their names"}, true
	}
	old := make([]*resource.Resource, len(selected))
	for i, r := range selected {
		old[i] = r.DeepCopy()
	}
	if err := try(func() error { return transformer.Transform(next) }); err != nil {
		return &Problem{Message: "the patch does not fit" + unfitting(p, old) + ": " + plain(err)}, false
	}
	next.DropEmpties()
	a.now = next
	if problem := replacesNothing(p, old); problem != nil {
		return problem, true
	}
	return compared(old, selected), true
}

// compared returns what is wrong with what a patch made of documents.
func compared(old, patched []*resource.Resource) *Problem {
	for i, was := range old {
		if is := patched[i]; !is.IsNilOrEmpty() && identity(was) != identity(is) {
			return &Problem{Message: fmt.Sprintf("the patch makes %s of %s", identity(is), identity(was)), Hint: "a patch cannot make another object of one: add that with a component, and delete this"}
		}
	}
	if same(old, patched) {
		return &Problem{Idle: true, Message: "the patch changes nothing in " + listOf(patched)}
	}
	return nil
}

// isGiven reports whether an object is one of the documents.
func (a *application) isGiven(r *resource.Resource) bool {
	return slices.ContainsFunc(a.before.Resources(), func(given *resource.Resource) bool { return identity(given) == identity(r) })
}

// transformerOf returns what a build applies a patch with.
func transformerOf(p *types.Patch) (resmap.TransformerPlugin, error) {
	transformer := builtins.NewPatchTransformerPlugin()
	config, err := yaml.Marshal(p)
	if err == nil {
		err = try(func() error {
			return transformer.Config(resmap.NewPluginHelpers(nil, nil, factory, types.DisabledPluginConfig()), config)
		})
	}
	return transformer, err
}

// selects returns the objects that a patch is for: as its target says, or, of a
// strategic merge patch without, those that it describes.
func selects(m resmap.ResMap, p *types.Patch) (selected []*resource.Resource, err error) {
	err = try(func() error {
		if p.Target != nil {
			selected, err = m.Select(*p.Target)
			return err
		}
		patches, err := factory.RF().SliceFromBytes([]byte(p.Patch))
		if err != nil {
			return errors.New("a JSON 6902 patch needs a target")
		}
		for _, patch := range patches {
			r, err := m.GetById(patch.OrgId())
			if err != nil {
				selected = nil
				return nil //nolint:nilerr // there is none, or none that it can be told from
			}
			selected = append(selected, r)
		}
		return nil
	})
	return selected, err
}

// findsNothing reports a patch that finds nothing. After components, an object
// may have had another name where the patch is applied, so a build has to tell.
func (a *application) findsNothing(p *types.Patch, before []types.Patch) (problem *Problem, ok bool) {
	if len(a.overlay.Components) > 0 && a.finds(p, before) {
		return nil, true
	}
	// Without a target, kustomize refuses the patch.
	return &Problem{Message: "the patch finds nothing: " + wanted(p), Hint: nearest(a.now, p)}, p.Target != nil
}

// finds reports whether a build finds what a patch is for.
func (a *application) finds(p *types.Patch, before []types.Patch) bool {
	probe := *p
	if p.Target != nil {
		probe.Patch = "{apiVersion: v1, kind: Probe, metadata: {name: probe, annotations: {ringplan.dev/probe: found}}}"
	}
	part := types.Kustomization{Components: a.overlay.Components, Patches: before}
	without, err := a.with(part)
	if err != nil {
		return false
	}
	part.Patches = slices.Concat(before, []types.Patch{probe})
	with, err := a.with(part)
	return err == nil && (p.Target == nil || !same(without.Resources(), with.Resources()))
}

// unfitting names the first of the objects that a patch cannot be applied to.
func unfitting(p *types.Patch, selected []*resource.Resource) string {
	if p.Target == nil && len(selected) > 1 {
		return ""
	}
	for _, r := range selected {
		one, r := resmap.New(), r.DeepCopy()
		name := identity(r).short()
		transformer, err := transformerOf(p)
		if err != nil || one.Append(r) != nil {
			return ""
		}
		if try(func() error { return transformer.Transform(one) }) != nil {
			return " " + name
		}
	}
	return ""
}

// replacesNothing reports a JSON 6902 patch that replaces what is not there: that
// is an error by the standard, while kustomize adds it. To remove and to add is
// the same where there is something.
func replacesNothing(p *types.Patch, selected []*resource.Resource) *Problem {
	var operations []map[string]any
	if yaml.Unmarshal([]byte(p.Patch), &operations) != nil {
		return nil
	}
	for i, op := range operations {
		if op["op"] != "replace" {
			continue
		}
		strict := slices.Insert(slices.Clone(operations), i, map[string]any{"op": "remove", "path": op["path"]})
		strict[i+1] = map[string]any{"op": "add", "path": op["path"], "value": op["value"]}
		text, err := json.Marshal(strict)
		if err != nil {
			return nil
		}
		if name := unfitting(&types.Patch{Patch: string(text), Target: p.Target}, selected); name != "" {
			return &Problem{Message: fmt.Sprintf("the patch replaces %v, which is not there in%s", op["path"], name), Hint: "kustomize adds it: write the op add, if that is meant"}
		}
	}
	return nil
}

// explain says what is wrong with a text that kustomize takes for no patch.
func explain(text, reason string) string {
	if strings.TrimSpace(text) == "" {
		return "the patch is empty"
	}
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		return "the patch is no YAML: " + oneLine(strings.TrimPrefix(err.Error(), "error converting YAML to JSON: "))
	}
	switch value.(type) {
	case map[string]any:
		_, err := factory.RF().SliceFromBytes([]byte(text))
		if err == nil {
			return reason
		}
		return "the strategic merge patch is not fit: " + plain(err)
	case []any:
		if trimmed := strings.TrimSpace(text); trimmed[0] == '[' && !json.Valid([]byte(trimmed)) {
			return "the patch starts with [, so kustomize reads it as JSON, which it is not: write every key in quotes, or each item on a line that starts with -"
		}
		return "the list is no JSON 6902 patch: each of its items has an op, a path and mostly a value"
	}
	return "the patch is neither a strategic merge patch, which is a map, nor a JSON 6902 patch, which is a list"
}

// An objectID is what makes an object that one.
type objectID struct{ apiVersion, kind, namespace, name string }

func identity(r *resource.Resource) objectID {
	return objectID{r.GetApiVersion(), r.GetKind(), r.GetNamespace(), r.GetName()}
}

func (id objectID) short() string { return strings.TrimSpace(id.kind + " " + id.name) }

func (id objectID) String() string {
	text := id.short() + " of " + id.apiVersion
	if id.namespace != "" {
		text += " in namespace " + id.namespace
	}
	return text
}

// listOf names up to three objects.
func listOf(objects []*resource.Resource) string {
	const most = 3
	var names []string
	for _, r := range objects[:min(most, len(objects))] {
		names = append(names, identity(r).short())
	}
	text := strings.Join(names, ", ")
	if more := len(objects) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
