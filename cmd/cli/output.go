package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/report"
)

// An output is what one -o asks for: a format, and the file that it goes to, or
// "" for the standard output.
type output struct{ format, path string }

// outputs is the value of -o. The first of its formats is the default.
type outputs struct {
	formats []string
	list    []output
}

// add gives a verb the flag -o with these formats.
func (o *outputs) add(cmd *cobra.Command, formats ...string) {
	o.formats = formats
	cmd.Flags().VarP(o, "output", "o", orList(formats)+"; as FORMAT=FILE into a file (repeatable)")
}

// orList writes "text, markdown or json".
func orList(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// Set takes one FORMAT or FORMAT=FILE, or several with commas between them.
func (o *outputs) Set(value string) error {
	for _, one := range strings.Split(value, ",") {
		format, path, toFile := strings.Cut(one, "=")
		if path != "" {
			path = filepath.Clean(path)
		}
		switch {
		case !slices.Contains(o.formats, format):
			return fmt.Errorf("%q is not %s", format, orList(o.formats))
		case toFile && path == "":
			return fmt.Errorf("%q names no file", one)
		case slices.ContainsFunc(o.list, func(other output) bool { return other.path == path }):
			if path == "" {
				return fmt.Errorf("only one format can go to the standard output: write %s=FILE", format)
			}
			return fmt.Errorf("two formats would go to %s", path)
		}
		o.list = append(o.list, output{format, path})
	}
	return nil
}

// String names the default, for the help.
func (o *outputs) String() string {
	if len(o.list) == 0 && len(o.formats) > 0 {
		return o.formats[0]
	}
	var words []string
	for _, out := range o.list {
		words = append(words, strings.TrimSuffix(out.format+"="+out.path, "="))
	}
	return strings.Join(words, ",")
}

// Type is how the help calls the value.
func (o *outputs) Type() string { return "format" }

// toStdout returns the format that goes to the standard output, or "".
func (o *outputs) toStdout() string {
	for _, out := range o.list {
		if out.path == "" {
			return out.format
		}
	}
	if len(o.list) == 0 {
		return o.formats[0]
	}
	return ""
}

// A writer turns something into text of a format.
type writer func(format string, style report.Style) (string, error)

// joined writes the texts of a fleet, with an empty line between two.
func joined[T any](list []T, text func(T) string) string {
	var texts []string
	for _, one := range list {
		texts = append(texts, text(one))
	}
	return strings.Join(texts, "\n")
}

// emit writes everything that -o asks for: files first, each as a whole, and
// the standard output last.
func (a *app) emit(o outputs, write writer) error {
	for _, out := range o.list {
		if out.path == "" {
			continue
		}
		if slices.Contains(a.topologies, out.path) {
			return usage("-o %s=%s would overwrite the topology", out.format, filepath.ToSlash(out.path))
		}
		text, err := write(out.format, report.Style{})
		if err != nil {
			return err
		}
		if err := replaceFile(out.path, []byte(text)); err != nil {
			return err
		}
	}
	format := o.toStdout()
	if format == "" {
		return nil
	}
	text, err := write(format, a.style(a.stdout))
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(a.stdout, text)
	return err
}
