package helm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
)

// health says when objects of a kind are well, in CEL.
type health struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Current    string `json:"current"`
	InProgress string `json:"inProgress"`
	Failed     string `json:"failed"`
}

// healthy waits until every object of a release for which there is an expression
// is well.
func (c *client) healthy(ctx context.Context, s *spec) error {
	if len(s.HealthCheckExprs) == 0 {
		return nil
	}
	for _, each := range s.HealthCheckExprs {
		for _, text := range []string{each.InProgress, each.Failed, each.Current} {
			if _, err := compile(text); text != "" && err != nil {
				return err
			}
		}
	}
	last, err := c.config.Releases.Last(s.ReleaseName)
	if err != nil {
		return err
	}
	return proc.Until(ctx, s.Timeout.Duration, "the objects of "+s.String(), func(context.Context) error {
		objects, err := c.config.KubeClient.Build(strings.NewReader(last.Manifest), false)
		if err != nil {
			return err
		}
		var failed error
		for _, each := range objects {
			failed = errors.Join(failed, wellLive(each, s.HealthCheckExprs))
		}
		return failed
	})
}

// wellLive asks the cluster for an object, if there is an expression for it.
func wellLive(info *resource.Info, expressions []health) error {
	version, kind := info.Mapping.GroupVersionKind.ToAPIVersionAndKind()
	for _, each := range expressions {
		if each.APIVersion != version || each.Kind != kind {
			continue
		}
		if err := info.Get(); err != nil {
			return err
		}
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(info.Object)
		if err != nil {
			return err
		}
		if err := well(object, each); err != nil {
			return fmt.Errorf("%s %s: %w", kind, info.Name, err)
		}
	}
	return nil
}

// well returns nil if an object is well: not in progress, not failed, and current.
func well(object map[string]any, expression health) error {
	for _, each := range []struct {
		text, about string
		bad         bool
	}{
		{expression.InProgress, "in progress", true},
		{expression.Failed, "failed", true},
		{expression.Current, "not current", false},
	} {
		if each.text == "" {
			continue
		}
		answer, err := evaluate(each.text, object)
		if err != nil {
			return err
		}
		if answer == each.bad {
			return errors.New(each.about)
		}
	}
	return nil
}

// evaluate answers an expression; the fields of the object are its variables, or
// two objects are.
func evaluate(text string, object map[string]any) (bool, error) {
	program, err := compile(text)
	if err != nil {
		return false, err
	}
	answer, _, err := program.Eval(object)
	if err != nil {
		return false, err
	}
	yes, ok := answer.Value().(bool)
	if !ok {
		return false, errors.New("it is not true or false: " + text)
	}
	return yes, nil
}

// compile reads an expression with the options that Flux sets.
func compile(text string) (cel.Program, error) {
	options := []cel.EnvOption{
		cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true), cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(), ext.Strings(), ext.Sets(), ext.Encoders(),
	}
	for _, name := range []string{"apiVersion", "kind", "metadata", "spec", "status", "data", "self", "dep"} {
		options = append(options, cel.Variable(name, cel.DynType))
	}
	environment, err := cel.NewEnv(options...)
	if err != nil {
		return nil, err
	}
	tree, issues := environment.Compile(text)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	return environment.Program(tree)
}
