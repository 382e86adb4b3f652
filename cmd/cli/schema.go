package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/load"
	"github.com/ringplan/ringplan/schema"
)

func newSchema(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the schema of a topology",
		Long: `schema prints the shape of a topology, so that editors can complete and check
it: as CUE, to import or vendor; as JSON Schema, for editors of YAML and JSON;
or as OpenAPI.`,
		Example: "  ringplan schema --format json-schema > topology.schema.json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			if !slices.Contains(load.ExportFormats, format) {
				return usage("--format: %q is none of %s", format, strings.Join(load.ExportFormats, ", "))
			}
			data, err := load.Export(schema.FS, format)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "%s", data)
			return err
		},
	}
	cmd.Flags().StringVar(&format, "format", "cue", "cue, json-schema or openapi")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(load.ExportFormats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
