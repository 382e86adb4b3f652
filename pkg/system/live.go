package system

// A Live tells how what is rendered for a region shows in its cluster.
type Live struct {
	// Chart is that of the release that is the datacenter.
	Chart string
	// APIVersion, Kind and Name are of the object that this chart makes, and
	// Fields those of it that the values decide.
	APIVersion, Kind, Name string
	Fields                 []LiveField
	// Passing are the kinds that are rendered at some phases only: objects that
	// are rendered no more are listed.
	Passing []Passing
}

// A LiveField is a field of an object that a value of a chart decides.
type LiveField struct {
	// Paths are where it may stand in the object; the first that does counts.
	Paths [][]string
	// Value is the path of the value; "" is the version of the release.
	Value string
	// Absent is what a field, or value, that is not there means; nil if
	// nothing, and then "" is nothing too.
	Absent any
	// Optional marks a field that some charts do not write.
	Optional bool
}

// A Passing is a kind of object, and the rendered file that holds it.
type Passing struct{ APIVersion, Kind, File string }
