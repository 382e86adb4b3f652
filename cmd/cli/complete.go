package cli

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ringplan/ringplan/pkg/stage"
)

// completionTime is how long a shell waits for a completion. A .cue file is a
// program, a folder may be on another machine, and a topology may be a pipe.
var completionTime = 2 * time.Second

// inTime returns what a function finds; nothing, if that takes too long, or
// goes wrong in a way that is no error.
func inTime[T any](ctx context.Context, find func(context.Context) T) T {
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	found := make(chan T, 1)
	go func() {
		var what T
		defer func() {
			_ = recover() // what is half typed is no place to report a defect
			found <- what
		}()
		what = find(ctx)
	}()
	select {
	case what := <-found:
		return what
	case <-ctx.Done():
		var nothing T
		return nothing
	}
}

// completeValues completes what flags take in every verb that has them, and
// does not complete them itself.
func completeValues(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if complete := completionOf(f); complete != nil {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, complete)
		}
	})
	switch cmd.Name() {
	case "init":
		cmd.ValidArgsFunction = completeFolder
	case "schema", "version":
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, sub := range cmd.Commands() {
		completeValues(sub)
	}
}

// completionOf returns what completes a flag; nil, if that is files.
func completionOf(f *pflag.Flag) cobra.CompletionFunc {
	if o, ok := f.Value.(*outputs); ok {
		return completeOutput(o.formats)
	}
	switch f.Name {
	case "base":
		return completeRevision
	case "out", "against":
		return completeFolder
	case "system":
		return completeSystem
	case "name", "since", "now", "observed-at", "max-skew", "regions", "limit", "timeout", "interval", "watch-timeout", "subject":
		return cobra.NoFileCompletions
	}
	return nil
}

func completeFolder(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func completeSystem(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, s := range systems {
		names = append(names, s.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// loadedRings reads the topologies of a half-typed command line; none, if they
// cannot be read.
func loadedRings(a *app, cmd *cobra.Command, args []string) []*ring {
	_ = flagsFromEnvironment(cmd, args)
	a.phases = nil
	if flag := cmd.Flags().Lookup("topology"); flag != nil {
		a.file, args = flag.Value.String(), nil // the argument is a region
	}
	return inTime(cmd.Context(), func(ctx context.Context) []*ring {
		a.charts.on = false
		rings, _, err := a.load(ctx, args)
		if err != nil {
			return nil
		}
		return rings
	})
}

func completeRegion(a *app) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, r := range loadedRings(a, cmd, args) {
			for i := range r.Spec.Regions {
				names = append(names, r.Spec.Regions[i].Name)
			}
		}
		slices.Sort(names)
		return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
	}
}

// completePhase completes REGION=PHASE: all pairs of a region once that is
// typed, and one of several between commas.
func completePhase(a *app) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		before, last := afterComma(typed)
		var pairs []string
		for _, r := range loadedRings(a, cmd, args) {
			for _, m := range r.compiled.Members() {
				for _, phase := range m.Phases(r.system.Procedures) {
					if pair := m.Region + "=" + phase; strings.HasPrefix(pair, last) {
						pairs = append(pairs, before+pair)
					}
				}
			}
		}
		return pairs, cobra.ShellCompDirectiveNoFileComp
	}
}

// afterComma cuts what is typed into the items that are complete, with their
// commas, and the last.
func afterComma(typed string) (before, last string) {
	end := strings.LastIndex(typed, ",") + 1
	return typed[:end], typed[end:]
}

// completeOneRegion completes the region that a step is about.
func completeOneRegion(a *app) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completeRegion(a)(cmd, nil, typed)
	}
}

func completeProcedure() cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		eachProcedure(func(p *stage.Procedure) {
			if p.Startable() {
				names = append(names, p.Name+"\t"+p.Summary)
			}
		})
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeTopic completes what explain explains, each once, with all that it
// is.
func completeTopic(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []string
	at := map[string]int{}
	for _, topic := range topics() {
		name, what, _ := strings.Cut(topic, "\t")
		if i, known := at[name]; known {
			_, procedure, _ := strings.Cut(what, " of ")
			list[i] += ", " + procedure
			continue
		}
		at[name] = len(list)
		list = append(list, topic)
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// completeOutput completes a format, and after FORMAT= the name of a file: the
// shell would look for one that begins with the format.
func completeOutput(formats []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before, last := afterComma(typed)
		format, name, toFile := strings.Cut(last, "=")
		switch {
		case !toFile:
			var list []string
			for _, format := range formats {
				list = append(list, before+format)
			}
			return list, cobra.ShellCompDirectiveNoFileComp
		case !slices.Contains(formats, format):
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		prefix := before + format + "="
		return completeFile(inTime(cmd.Context(), func(context.Context) []string { return filesLike(name) }), prefix)
	}
}

// completeFile returns names behind a prefix. After a folder one goes on typing.
func completeFile(names []string, prefix string) ([]string, cobra.ShellCompDirective) {
	directive := cobra.ShellCompDirectiveNoFileComp
	for i, name := range names {
		if strings.HasSuffix(name, "/") {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		names[i] = prefix + name
	}
	return names, directive
}

// filesLike lists the files and folders whose path begins as typed; hidden ones
// only if their dot is typed.
func filesLike(typed string) []string {
	dir, start := typed[:strings.LastIndex(typed, "/")+1], typed[strings.LastIndex(typed, "/")+1:]
	entries, _ := os.ReadDir(filepath.FromSlash("./" + dir))
	if strings.HasPrefix(dir, "/") {
		entries, _ = os.ReadDir(dir)
	}
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, start) || strings.HasPrefix(name, ".") && start == "" {
			continue
		}
		if entry.IsDir() {
			name += "/"
		}
		names = append(names, dir+name)
	}
	return names
}

// completeRevision completes the branches and tags of the repository that holds
// the topology. Nothing is said where there is none, or no Git.
func completeRevision(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	_ = flagsFromEnvironment(cmd, args)
	at := "."
	if len(args) > 0 {
		at = args[0]
	} else if flag := cmd.Flags().Lookup("file"); flag != nil && flag.Value.String() != "" {
		at = flag.Value.String()
	}
	names := inTime(cmd.Context(), func(ctx context.Context) []string { return revisions(ctx, at) })
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, typed) })
	return names, cobra.ShellCompDirectiveNoFileComp
}

// refKinds are what a shell shows of a revision besides its name.
var refKinds = []struct{ prefix, kind string }{
	{"refs/heads/", "branch"}, {"refs/remotes/", "remote branch"}, {"refs/tags/", "tag"},
}

// revisions lists the branches and tags of the repository that holds a file or
// folder, as short as they are without doubt, each with its kind.
func revisions(ctx context.Context, at string) []string {
	if info, err := os.Stat(at); err == nil && !info.IsDir() {
		at = filepath.Dir(at)
	}
	const line = "%(if)%(symref)%(then)%(else)%(refname:short) %(refname)%(end)" // no names for another name
	args := []string{"-C", at, "for-each-ref", "--format=" + line}
	for _, kind := range refKinds {
		args = append(args, kind.prefix)
	}
	git := exec.CommandContext(ctx, "git", args...)
	git.WaitDelay = completionTime
	out, err := git.Output()
	if err != nil {
		return nil
	}
	var names []string
	for _, one := range strings.Split(string(out), "\n") {
		short, full, _ := strings.Cut(one, " ")
		for _, kind := range refKinds {
			if strings.HasPrefix(full, kind.prefix) {
				names = append(names, short+"\t"+kind.kind)
			}
		}
	}
	return names
}
