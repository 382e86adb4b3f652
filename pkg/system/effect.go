package system

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/manifest"
)

// A Class says what a change of a rendered field does to a region.
type Class string

// The classes, from the mildest on.
const (
	Safe           Class = "safe"
	RollingRestart Class = "rolling restart"
	RingMovement   Class = "ring movement"
	OneWay         Class = "one-way"
	DestroysData   Class = "destroys data"
)

// Classes lists the classes from the mildest on.
func Classes() []Class {
	return []Class{Safe, RollingRestart, RingMovement, OneWay, DestroysData}
}

// Compare is negative if c is a milder class than d, positive if it is a graver
// one, and 0 if they are the same.
func (c Class) Compare(d Class) int {
	all := Classes()
	return slices.Index(all, c) - slices.Index(all, d)
}

// Worse reports whether c is a graver class than d.
func (c Class) Worse(d Class) bool { return c.Compare(d) > 0 }

// An Effect is what a change of some fields does, and the source of that.
type Effect struct {
	// File is the name of a rendered file, with or without folders; "" is any.
	File string `json:"-"`
	// Kind is that of an object that a chart renders, * any; "" is no such object.
	Kind string `json:"-"`
	// Path matches the paths of fields: a * stands for any part of a name. ""
	// is a file that comes or goes.
	Path string `json:"-"`
	// Op limits the effect to an operation; "" is any.
	Op    manifest.Op `json:"-"`
	Class Class       `json:"class"`
	Why   string      `json:"why"`
	// Procedure is how the change is made safely, where not by an edit.
	Procedure string `json:"procedure,omitempty"`
	Source    string `json:"source"`
}

// Classify returns the first effect of the system that matches a change. What
// no effect matches restarts pods, perhaps.
//
// Of a map that comes or goes as a whole it is the gravest of what is in it.
func (s System) Classify(c manifest.Change) Effect {
	effect := s.classify(c)
	if c.Path == "" {
		return effect
	}
	for _, leaf := range slices.Concat(leaves(c, c.Old), leaves(c, c.New)) {
		if e := s.classify(leaf); e.Class.Worse(effect.Class) {
			effect = e
		}
	}
	return effect
}

// leaves returns a change for each field below the field of a change, one of
// whose values is a map, or a list of maps.
func leaves(c manifest.Change, value any) []manifest.Change {
	var list []manifest.Change
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			below := c
			below.Path += "." + key
			list = append(append(list, below), leaves(below, v[key])...)
		}
	case []any:
		for _, item := range v {
			list = append(list, leaves(c, item)...)
		}
	}
	return list
}

func (s System) classify(c manifest.Change) Effect {
	for _, list := range [][]Effect{s.Effects, objectEffects} {
		for _, e := range list {
			if e.matches(c) {
				return e
			}
		}
	}
	return Effect{Class: RollingRestart, Why: "what is known of the field does not rule out a restart of pods", Source: "ringplan"}
}

func (e Effect) matches(c manifest.Change) bool {
	kind := ""
	if e.Kind != "" {
		kind = kindOf(c.Document)
	}
	switch {
	case e.File != "" && c.File != e.File && !strings.HasSuffix(c.File, "/"+e.File), e.Op != "" && e.Op != c.Op:
		return false
	case e.Kind != kind && (e.Kind != "*" || kind == ""):
		return false
	case e.Path == "" || c.Path == "":
		return e.Path == "" && c.Path == "" && (c.Document == "" || kind != "")
	}
	return glob(e.Path).MatchString(c.Path)
}

// kindOf returns the kind in the name of a document, such as apps/Deployment
// prod/web; "" if it is no such name.
func kindOf(document string) string {
	kind, _, named := strings.Cut(document, " ")
	if !named {
		return ""
	}
	return kind[strings.LastIndex(kind, "/")+1:]
}

// objectEffects tell what changes of rendered objects do in any cluster, where a
// system does not say otherwise.
var objectEffects = objects()

func objects() []Effect {
	list := []Effect{
		{Kind: "CustomResourceDefinition", Op: manifest.Removed, Class: DestroysData,
			Why: "with a definition all its objects are deleted", Source: "[K8S]"},
		{Kind: "CustomResourceDefinition", Path: "*", Class: Safe,
			Why: "objects are as they were; what controllers make of them does not change by it", Source: "[K8S]"},
		{Kind: "PersistentVolumeClaim", Op: manifest.Removed, Class: DestroysData,
			Why: "the volume goes with its claim, unless it is retained", Source: "[K8S]"},
	}
	for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet"} {
		list = append(list,
			Effect{Kind: kind, Path: "spec.template", Class: RollingRestart, Why: "the pods are replaced one by one", Source: "[K8S]"},
			Effect{Kind: kind, Path: "spec.replicas", Class: Safe, Why: "pods come or go", Source: "[K8S]"},
			Effect{Kind: kind, Path: "metadata", Class: Safe, Why: "no pod sees it", Source: "[K8S]"})
	}
	for _, kind := range []string{
		"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Service", "NetworkPolicy", "PodDisruptionBudget",
		"HorizontalPodAutoscaler", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "CronJob", "Job", "Pod", "VolumeSnapshotClass",
	} {
		const why = "no pod restarts for it"
		list = append(list, Effect{Kind: kind, Class: Safe, Why: why, Source: "[K8S]"}, Effect{Kind: kind, Path: "*", Class: Safe, Why: why, Source: "[K8S]"})
	}
	return append(list,
		Effect{Kind: "*", Op: manifest.Added, Class: Safe, Why: "an object comes that was not there", Source: "ringplan"},
		Effect{Kind: "*", Path: "metadata.labels", Class: Safe, Why: "labels of the object alone", Source: "[K8S]"})
}

// glob makes an expression of a pattern, for the field itself and all below.
func glob(pattern string) *regexp.Regexp {
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`^` + strings.Join(parts, `.*`) + `($|[.\[])`)
}
