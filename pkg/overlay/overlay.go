// Package overlay applies kustomizations to documents. All of kustomize stays in
// here, and works on files in memory: nothing is fetched, and nothing is run.
package overlay

import (
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"strings"

	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

// An Overlay is a kustomization of kind Component in a folder three levels below
// another, such as rendered/<region>/overlay, and the files that its components
// may lie in.
type Overlay struct {
	// Component is the text of its kustomization.yaml. It may have components,
	// patches, images and labels, and nothing else.
	Component []byte
	// Files is the user's repository; nil serves if there are no components.
	// Whether its links are followed is for whoever makes it to say.
	Files fs.FS
	// Dir is the folder of Files that `../../..` leads to, as in [fs.FS].
	Dir string
}

// A Problem is something wrong with an overlay, or with the documents.
type Problem struct {
	// Patch counts the overlay's patches from 0, and is -1 if the problem is of
	// none of them. Component and Image are as the overlay has them.
	Patch            int
	Component, Image string
	// Idle marks a patch or a component that is applied, and changes nothing.
	Idle          bool
	Message, Hint string
}

func general(message, hint string) Problem { return Problem{Patch: -1, Message: message, Hint: hint} }

// Apply returns the documents as `kustomize build` makes them of a kustomization
// that has them as resources, and the overlay as its component; and everything
// that is wrong, as far as it can be seen at once.
//
// The documents keep their order, while the program sorts. What a patch deletes is not among them, nor is
// what kustomize drops as local configuration; the items of a List come after
// the others, and what components add comes last. A document that is not changed
// comes back as it was; of one that is, the numbers and texts that are not changed
// do, but that kustomize rounds whole numbers above 2^53 where a JSON 6902 patch
// is applied.
//
// The documents are nil if kustomize refuses the overlay or them. They are not if
// a patch or image finds nothing, which is no error of kustomize's, or a patch
// makes another object of one. The documents that are given are not changed.
func Apply(o Overlay, docs []map[string]any) ([]map[string]any, []Problem) {
	kustomizing.Lock()
	defer kustomizing.Unlock()
	a, problems := prepare(o, docs)
	if len(problems) > 0 {
		return nil, problems
	}
	defer a.files.forget()
	a.applyComponents()
	if a.now != nil {
		a.applyPatches()
	}
	return a.finish(), a.problems
}

// Build returns the documents of the kustomization in a folder.
func Build(files fs.FS, dir string) ([]map[string]any, error) {
	kustomizing.Lock()
	defer kustomizing.Unlock()
	m := newMirror(files)
	defer m.forget()
	if err := m.folder(dir, types.KustomizationKind, nil); err != nil {
		return nil, fmt.Errorf("kustomization %s: %w", dir, err)
	}
	built, err := m.build(dir)
	if err != nil {
		return nil, fmt.Errorf("kustomization %s: %w", dir, err)
	}
	var docs []map[string]any
	for _, r := range built.Resources() {
		doc, err := decode(r)
		if err != nil {
			return nil, fmt.Errorf("kustomization %s: %w", dir, err)
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

// An application is an overlay on its way over documents.
type application struct {
	overlay  types.Kustomization // what is left of it when the bad parts are taken out
	text     []byte              // of the overlay as a whole
	docs     []map[string]any
	files    *mirror
	dir      string        // of the kustomization, above that of the overlay
	before   resmap.ResMap // the documents
	now      resmap.ResMap // the documents with what is applied so far
	problems []Problem
	refused  bool // a part was taken out
}

func prepare(o Overlay, docs []map[string]any) (*application, []Problem) {
	a := &application{text: o.Component, docs: docs, files: newMirror(o.Files)}
	if err := a.overlay.Unmarshal(o.Component); err != nil {
		return nil, []Problem{general("the overlay is no kustomization: "+plain(err), "")}
	}
	if wrong := a.overlay.EnforceFields(); len(wrong) > 0 || a.overlay.Kind != types.ComponentKind {
		return nil, []Problem{general("the overlay is no kustomization of kind "+types.ComponentKind+" "+types.ComponentVersion, "")}
	}
	rest := a.overlay
	rest.Components, rest.Patches, rest.Images, rest.Labels = nil, nil, nil, nil
	rest.MetaData = nil // which changes nothing
	if !reflect.DeepEqual(rest, types.Kustomization{TypeMeta: rest.TypeMeta}) {
		return nil, []Problem{general("the overlay has more than components, patches, images and labels", "put it into a component")}
	}
	if problems := unfit(docs); len(problems) > 0 {
		return nil, problems
	}
	text, err := encode(docs)
	if err == nil {
		err = try(func() (err error) { a.before, err = factory.NewResMapFromBytes(text); return err })
	}
	if err != nil {
		return nil, []Problem{general("kustomize refuses the documents: "+plain(err), "")}
	}
	a.now = a.before
	a.dir = path.Join(a.files.unused(path.Clean(o.Dir)), "region")
	a.files.write(path.Join(a.dir, "documents.yaml"), text)
	a.files.write(path.Join(a.dir, "kustomization.yaml"), []byte("resources: [documents.yaml]\ncomponents: [overlay]\n"))
	return a, nil
}

// with builds the documents with a part of the overlay.
func (a *application) with(part types.Kustomization) (resmap.ResMap, error) {
	part.TypeMeta = a.overlay.TypeMeta
	text, err := yaml.Marshal(part)
	if err != nil {
		return nil, err
	}
	return a.build(text)
}

func (a *application) build(text []byte) (resmap.ResMap, error) {
	a.files.write(path.Join(a.dir, "overlay", "kustomization.yaml"), text)
	return a.files.build(a.dir)
}

// refuse reports a part that is not fit, and is left out from now on.
func (a *application) refuse(p Problem) {
	a.problems = append(a.problems, p)
	a.refused = true
}

// applyComponents applies one component after the other, and leaves out those
// that are not fit.
func (a *application) applyComponents() {
	overlay := path.Join(a.dir, "overlay")
	var good []string
	for _, c := range a.overlay.Components {
		p := Problem{Patch: -1, Component: c}
		err := a.files.refer(overlay, reference{"components", c, aFolder}, []string{a.dir, overlay})
		var built resmap.ResMap
		if err == nil {
			built, err = a.with(types.Kustomization{Components: append(good[:len(good):len(good)], c)})
		}
		if err != nil {
			p.Message, p.Hint = "the component cannot be applied: "+strings.TrimPrefix(err.Error(), "components "+c+": "), hintOf(err)
			a.refuse(p)
			continue
		}
		if same(a.now.Resources(), built.Resources()) {
			p.Idle, p.Message = true, "the component changes nothing"
			a.problems = append(a.problems, p)
		}
		good, a.now = append(good, c), built
	}
	a.overlay.Components = good
}

// finish builds the documents with what is left of the overlay.
func (a *application) finish() []map[string]any {
	if a.refused && reflect.DeepEqual(a.overlay, types.Kustomization{TypeMeta: a.overlay.TypeMeta}) {
		return nil
	}
	a.checkImages()
	var built resmap.ResMap
	var err error
	if a.refused {
		built, err = a.with(a.overlay)
	} else {
		built, err = a.build(a.text)
	}
	if err != nil {
		a.problems = append(a.problems, general("kustomize refuses the overlay: "+err.Error(), ""))
		return nil
	}
	if a.refused {
		return nil
	}
	docs, err := decodeAll(built, a.before, a.docs)
	if err != nil {
		a.problems = append(a.problems, general("kustomize makes what is no JSON of the documents: "+err.Error(), ""))
	}
	return docs
}

// checkImages reports the images that nothing uses. It has each image leave a
// mark in the tag of what it changes, next to the marks of those before it.
func (a *application) checkImages() {
	if len(a.overlay.Images) == 0 {
		return
	}
	marked := a.overlay
	marked.Images = make([]types.Image, len(a.overlay.Images))
	for i, image := range a.overlay.Images {
		marked.Images[i] = types.Image{Name: image.Name, NewName: image.NewName, TagSuffix: mark(i)}
	}
	built, err := a.with(marked)
	if err != nil {
		return // and so will be the overlay
	}
	texts := scalars(built)
	for i, image := range a.overlay.Images {
		if !strings.Contains(texts, mark(i)) {
			a.problems = append(a.problems, Problem{Patch: -1, Image: image.Name, Message: "no container uses the image " + image.Name, Hint: nearestImage(a.before, image.Name)})
		}
	}
}

func mark(i int) string { return fmt.Sprintf("-ringplan-%d-", i) }
