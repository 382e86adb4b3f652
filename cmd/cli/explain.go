package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
)

func newExplain(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE | GATE | PHASE]",
		Short: "Tell why a rule, gate or phase is there, and what to do",
		Long: `explain tells what a rule checks, why, where it comes from and how to fix what
it finds; what a gate waits for; or what a phase renders. Without an argument
it lists them all.`,
		Example:           "  ringplan explain RP012\n  ringplan explain rebuild-complete\n  ringplan explain joining",
		Args:              oneArgument,
		ValidArgsFunction: completeTopic,
		RunE: func(_ *cobra.Command, args []string) error {
			text := a.topicList()
			if len(args) == 1 {
				if text = a.explain(args[0]); text == "" {
					return usage("there is no rule, gate or phase %q; `ringplan explain` lists them", args[0])
				}
			}
			_, err := fmt.Fprint(a.stdout, text)
			return err
		},
	}
}

func (a *app) explain(topic string) string {
	var b strings.Builder
	style := a.style(a.stdout)
	for _, r := range documentedRules() {
		if strings.EqualFold(r.Code, topic) || r.Name == topic {
			b.WriteString(report.RuleText(r, style))
		}
	}
	if gate, procedures := gateNamed(topic); gate != nil {
		b.WriteString(separated(&b, report.GateText(*gate, procedures, style)))
	}
	eachProcedure(func(p *stage.Procedure) {
		for _, info := range p.Phases {
			if string(info.Phase) == topic && !(p.ByAbort && info.Phase.Rests()) {
				b.WriteString(separated(&b, report.PhaseText(info, p, style)))
			}
		}
	})
	return b.String()
}

// gateNamed returns a gate, and the procedures that have it.
func gateNamed(name string) (gate *stage.Gate, procedures []string) {
	eachProcedure(func(p *stage.Procedure) {
		for i := range p.Gates {
			if p.Gates[i].Name == name && name != "" {
				gate, procedures = &p.Gates[i], append(procedures, p.Name)
			}
		}
	})
	return gate, procedures
}

// separated puts an empty line before a text that follows another.
func separated(b *strings.Builder, text string) string {
	if b.Len() > 0 {
		return "\n" + text
	}
	return text
}

// documentedRules lists every rule of every system, each once.
func documentedRules() []lint.Rule {
	var rules []lint.Rule
	seen := map[string]bool{}
	for _, s := range systems {
		for _, r := range allRules(s, nil) {
			if !seen[r.Code] {
				seen[r.Code] = true
				rules = append(rules, r)
			}
		}
	}
	return rules
}

func eachProcedure(visit func(*stage.Procedure)) {
	for _, s := range systems {
		for _, p := range s.Procedures {
			visit(p)
		}
	}
}

func (a *app) topicList() string {
	var b strings.Builder
	b.WriteString("Rules\n")
	for _, r := range documentedRules() {
		fmt.Fprintf(&b, "  %s  %-8s %s\n", r.Code, r.Severity, r.Summary)
	}
	eachProcedure(func(p *stage.Procedure) {
		fmt.Fprintf(&b, "\nProcedure %s: %s\n", p.Name, p.Summary)
		for i, info := range p.Phases {
			fmt.Fprintf(&b, "  %-12s %s\n", info.Phase, info.Summary)
			if i < len(p.Gates) && p.Gates[i].Name != "" {
				fmt.Fprintf(&b, "    gate %s: %s\n", p.Gates[i].Name, p.Gates[i].Words)
			}
		}
	})
	return b.String()
}

// topics lists what explain knows, for completion.
func topics() []string {
	var list []string
	for _, r := range documentedRules() {
		list = append(list, r.Code+"\t"+r.Name)
	}
	eachProcedure(func(p *stage.Procedure) {
		for _, g := range p.Gates {
			if g.Name != "" {
				list = append(list, g.Name+"\tgate of "+p.Name)
			}
		}
		for _, info := range p.Phases {
			list = append(list, string(info.Phase)+"\tphase of "+p.Name)
		}
	})
	return list
}
