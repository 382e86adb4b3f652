package topology

// An Overlay changes rendered manifests, with the words of a kustomization.
type Overlay struct {
	Patches    []Patch  `json:"patches"`
	Components []string `json:"components"`
	Images     []Image  `json:"images"`
	Labels     []Labels `json:"labels"`
}

// Empty reports whether an overlay changes nothing.
func (o Overlay) Empty() bool {
	return len(o.Patches)+len(o.Components)+len(o.Images)+len(o.Labels) == 0
}

// A Patch is a strategic merge or a JSON 6902 patch.
type Patch struct {
	Target *Target `json:"target"`
	// Patch is its text; that of a patch in a file is put there by whoever reads
	// the file, which Path names relative to the topology.
	Patch string `json:"patch"`
	Path  string `json:"path"`
}

// A Target selects documents; all fields that are set must match. Group to
// Namespace are regular expressions that match as a whole.
type Target struct {
	Group              string `json:"group"`
	Version            string `json:"version"`
	Kind               string `json:"kind"`
	Name               string `json:"name"`
	Namespace          string `json:"namespace"`
	LabelSelector      string `json:"labelSelector"`
	AnnotationSelector string `json:"annotationSelector"`
}

// An Image is an image that is taken from elsewhere.
type Image struct {
	Name    string `json:"name"`
	NewName string `json:"newName"`
	NewTag  string `json:"newTag"`
	Digest  string `json:"digest"`
}

// Labels are added to every object, and with IncludeTemplates to its pods.
type Labels struct {
	Pairs            map[string]string `json:"pairs"`
	IncludeTemplates bool              `json:"includeTemplates"`
}
