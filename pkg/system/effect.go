package system

import (
	"maps"
	"path"
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
	// File is the name of a rendered file, without its folder; "" is any.
	File string `json:"-"`
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
	for _, e := range s.Effects {
		if e.matches(c) {
			return e
		}
	}
	return Effect{Class: RollingRestart, Why: "what is known of the field does not rule out a restart of pods", Source: "ringplan"}
}

func (e Effect) matches(c manifest.Change) bool {
	switch {
	case e.File != "" && e.File != path.Base(c.File), e.Op != "" && e.Op != c.Op:
		return false
	case e.Path == "" || c.Path == "":
		return e.Path == "" && c.Path == "" && c.Document == ""
	}
	return glob(e.Path).MatchString(c.Path)
}

// glob makes an expression of a pattern, for the field itself and all below.
func glob(pattern string) *regexp.Regexp {
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`^` + strings.Join(parts, `.*`) + `($|[.\[])`)
}
