package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/report"
)

func newLint(a *app) *cobra.Command {
	var out outputs
	var since baseFlags
	cmd := &cobra.Command{
		Use:   "lint [TOPOLOGY | FOLDER]...",
		Short: "Check topologies",
		Long: `lint checks topologies against their schema and against the rules of their
system, and lists everything that is wrong at once. It reads no cluster. With
--manifests it also renders the charts of every region, and checks what they
make of it.

Findings go to people as text, markdown and github (annotations of a pull
request), and to programs as json, sarif, junit and checkstyle. Several go at
once: -o github -o sarif=findings.sarif.

With --base REV findings are marked that were not there when the change parted
from that Git revision, and with --new-only the others are left out.

Exit code 3 means that there are errors, or warnings with --strict.`,
		Example: "  ringplan lint\n  ringplan lint fleet/ --strict\n  ringplan lint -o json topology.yaml\n  ringplan lint --manifests\n  ringplan lint -o github -o sarif=findings.sarif,junit=findings.xml",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.charts.ahead = true
			if err := since.check(); err != nil {
				return err
			}
			_, findings, err := a.load(cmd.Context(), args)
			if err != nil {
				return err
			}
			if since.base != "" {
				files, err := a.find(args)
				if err != nil {
					return err
				}
				before, err := a.earlier(cmd.Context(), files, since.moment())
				if err != nil {
					return err
				}
				findings = since.mark(findings, before.findings)
			}
			if err := a.printFindings(findings, out); err != nil {
				return err
			}
			return a.verdict(findings)
		},
	}
	since.add(cmd)
	out.add(cmd, findingFormats...)
	a.charts.add(cmd, "render the charts too, of planned regions as they start, and check what they render")
	addPhaseFlag(a, cmd)
	return cmd
}

// findingFormats are the formats of findings.
var findingFormats = []string{"text", "json", "sarif", "junit", "github", "markdown", "checkstyle"}

// printFindings writes findings, and their count to the error stream where a
// person may read the output.
func (a *app) printFindings(findings diag.List, o outputs) error {
	err := a.emit(o, func(format string, style report.Style) (string, error) {
		switch format {
		case "json":
			return report.FindingsJSON(findings)
		case "sarif":
			return report.FindingsSARIF(findings, documentedRules(), moduleVersion())
		case "junit":
			return report.FindingsJUnit(findings, a.strict)
		case "github":
			return report.FindingsGitHub(findings), nil
		case "markdown":
			return report.FindingsMarkdown(findings), nil
		case "checkstyle":
			return report.FindingsCheckstyle(findings)
		}
		return report.FindingsText(findings, style), nil
	})
	if to := o.toStdout(); err == nil && (to == "text" || to == "github") {
		fmt.Fprintln(a.stderr, report.Summary(findings))
	}
	return err
}

// moduleVersion is the second word of what the verb version prints.
func moduleVersion() string { return strings.Fields(versionText())[1] }
