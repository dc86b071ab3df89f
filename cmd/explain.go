package cmd

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/present"
)

func (a *app) explainCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "explain [FIELD]",
		Short: "Say what a field of a scenario file means",
		Long: `Prints what a field of the language of scenario files means, how it is written, its default, and the fields in it. FIELD is its path
with dots, such as limiters.main.limit.burst; any name stands for the name of a limiter or of traffic. Without FIELD, those of the file itself.
With --all, the whole language as Markdown.` + exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  quotalab explain traffic.calls.rate
  quotalab explain shards`,
		RunE: func(cmd *cobra.Command, given []string) error {
			e := explainer{a.scenarioSchema()}
			switch {
			case len(given) > 1 || all && len(given) > 0:
				return usagef("expected at most one FIELD after %q, and none with --all, found %q", cmd.CommandPath(), given)
			case all:
				return e.page(cmd.OutOrStdout())
			case len(given) == 0:
				return e.fields(e.root).Write(cmd.OutOrStdout(), present.Look{Width: lineWidth})
			}
			return e.explain(cmd.OutOrStdout(), given[0])
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "the whole language, as Markdown")
	cmd.ValidArgsFunction = func(_ *cobra.Command, given []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(given) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return explainer{a.scenarioSchema()}.completions(begun), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	return cmd
}

// explainer answers questions about the language from its JSON Schema.
type explainer struct{ root *jsonschema.Schema }

// meant returns the schema behind a reference, and that of a mapping where a scalar will
// do as well.
func (e explainer) meant(s *jsonschema.Schema) *jsonschema.Schema {
	for {
		name, ok := strings.CutPrefix(s.Ref, "#/$defs/")
		switch {
		case ok:
			s = e.root.Defs[name]
		case len(s.AnyOf) == 2 && len(s.Properties) == 0 && s.AnyOf[1].Type == "object":
			s = s.AnyOf[1]
		default:
			return s
		}
	}
}

// step returns what an element of a path leads to, and that element as the language
// knows it; nil if it leads nowhere.
func (e explainer) step(s *jsonschema.Schema, element string) (to *jsonschema.Schema, as string) {
	s = e.meant(s)
	if to = s.Properties[element]; to != nil {
		return to, element
	}
	if s.Items != nil {
		if _, err := strconv.Atoi(element); err == nil {
			return s.Items, "N"
		}
		return e.step(s.Items, element) // the number may be left out
	}
	if isNamed(s) {
		return s.AdditionalProperties, "NAME"
	}
	return nil, ""
}

// isNamed reports whether values have any names.
func isNamed(s *jsonschema.Schema) bool {
	return s.AdditionalProperties != nil && s.AdditionalProperties.Not == nil
}

func (e explainer) explain(w io.Writer, path string) error {
	s, known := e.root, []string{}
	for element := range strings.SplitSeq(path, ".") {
		to, as := e.step(s, element)
		if to == nil {
			names := e.inside(s).PropertyOrder
			within := strings.Join(known, ".")
			if within == "" {
				within = "a scenario"
			}
			if len(names) == 0 {
				return usagef("%s: expected nothing below %s, which is %s", path, within, e.words(s))
			}
			return usagef("%s: %s has no field %q%s; it has %s", path, within, element, metric.DidYouMean(element, names), strings.Join(names, ", "))
		}
		s, known = to, append(known, as)
	}
	fmt.Fprintf(w, "%s: %s", strings.Join(known, "."), e.words(s))
	if s.Default != nil {
		fmt.Fprintf(w, " (default %s)", initial(s))
	}
	fmt.Fprintln(w)
	if s.Description != "" {
		fmt.Fprintln(w, "  "+s.Description)
	}
	inside := e.inside(s)
	if len(inside.Properties) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return e.fields(inside).Write(w, present.Look{Width: lineWidth})
}

// inside returns the schema with the fields of a value, of a list those of its elements.
func (e explainer) inside(s *jsonschema.Schema) *jsonschema.Schema {
	for s = e.meant(s); len(s.Properties) == 0; {
		switch {
		case s.Items != nil:
			s = e.meant(s.Items)
		case isNamed(s):
			s = e.meant(s.AdditionalProperties)
		default:
			return s
		}
	}
	return s
}

func (e explainer) words(s *jsonschema.Schema) string {
	if len(s.Enum) > 0 {
		words := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			words[i] = fmt.Sprint(v)
		}
		return strings.Join(words, ", ")
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		def := e.root.Defs[name]
		if def.Description != "" { // of a scalar
			return def.Description
		}
		return e.words(def)
	}
	switch {
	case len(s.AnyOf) > 0:
		var words []string
		for _, one := range s.AnyOf {
			words = append(words, e.words(one))
		}
		return strings.Join(words, ", or ")
	case s.Items != nil:
		return "a list, each " + e.words(s.Items)
	case isNamed(s):
		return "names, each with " + e.words(s.AdditionalProperties)
	case s.Type == "object":
		return "a mapping"
	case s.Type == "boolean":
		return "true or false"
	case slices.Equal(s.Types, []string{"string", "number", "boolean"}):
		return "text, a number, true or false"
	case slices.Equal(s.Types, []string{"object", "null"}):
		return "{}"
	case slices.Equal(s.Types, []string{"number", "string"}):
		return "a number"
	}
	return "text"
}

func (e explainer) fields(s *jsonschema.Schema) *present.Table {
	t := present.NewTable("fields", "", "`field", "written as", "default", "meaning")
	for _, name := range s.PropertyOrder {
		p := s.Properties[name]
		byDefault := initial(p)
		if slices.Contains(s.Required, name) {
			byDefault = "must be there"
		}
		t.AddWords(name, e.words(p), byDefault, p.Description)
	}
	return t
}

func initial(s *jsonschema.Schema) string { return strings.Trim(string(s.Default), `"`) }

// completions are the paths that go on from what is begun.
func (e explainer) completions(begun string) []string {
	s, within, last := e.root, "", begun
	for {
		element, rest, ok := strings.Cut(last, ".")
		if !ok {
			break
		}
		if s, _ = e.step(s, element); s == nil {
			return nil
		}
		within, last = within+element+".", rest
	}
	var out []string
	for _, name := range e.meant(s).PropertyOrder {
		if strings.HasPrefix(name, last) {
			out = append(out, within+name)
		}
	}
	return out
}

// page writes the whole language: the file's fields, and each kind of mapping in it.
func (e explainer) page(w io.Writer) error {
	fmt.Fprint(w, "# The language of scenario files\n\n`quotalab explain --all` writes this page; `quotalab explain FIELD` prints a part of it.\n\n## The file\n\n")
	if err := e.fields(e.root).Markdown(w); err != nil {
		return err
	}
	names := map[string]string{} // the path at which a mapping is met first
	e.collect(e.root, "", names)
	for _, name := range slices.SortedFunc(maps.Keys(names), func(a, b string) int { return strings.Compare(names[a], names[b]) }) {
		fmt.Fprintf(w, "\n## `%s`\n\n", names[name])
		if err := e.fields(e.meant(e.root.Defs[name])).Markdown(w); err != nil {
			return err
		}
	}
	return nil
}

func (e explainer) collect(s *jsonschema.Schema, path string, names map[string]string) {
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		def := e.meant(s)
		if old, seen := names[name]; len(def.Properties) == 0 || seen && len(old) <= len(path) {
			return
		}
		names[name] = path
		s = def
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		e.collect(s.Properties[name], strings.TrimPrefix(path+"."+name, "."), names)
	}
	if s.Items != nil {
		e.collect(s.Items, path, names)
	}
	if isNamed(s) {
		e.collect(s.AdditionalProperties, path+".NAME", names)
	}
}
