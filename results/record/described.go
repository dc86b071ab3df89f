package record

import (
	"reflect"
	"strings"
)

// description is what people are told of a column, by the tags of its field.
type description struct {
	path     string // of the elements of a list behind [].
	holds    string // text, integer, point in time, …
	nullable bool
	unit     string // "": it has none, or is a point in time
	about    string
}

// described lists the columns of a row's struct in their order, those of lists behind
// the list.
func described(row reflect.Type, prefix string) (list []description) {
	for i := range row.NumField() {
		f := row.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		if name == "-" {
			continue
		}
		options += f.Tag.Get("parquet-element")
		d := description{path: prefix + name, holds: holds(f.Type, options), nullable: strings.Contains(options, "optional"), unit: f.Tag.Get("unit"), about: f.Tag.Get("about")}
		list = append(list, d)
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			list = append(list, described(f.Type.Elem(), d.path+"[].")...)
		}
	}
	return list
}

// holds returns what a column holds, in words.
func holds(t reflect.Type, options string) string {
	switch {
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return "list"
	case t.Kind() == reflect.Slice:
		return "list of " + holds(t.Elem(), options) + "s"
	case strings.Contains(options, "timestamp"):
		return "timestamp"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Bool:
		return "truth value"
	}
	return "integer"
}

// meaning is what a file's metadata says of the column.
func (d description) meaning() string {
	unit := d.unit
	if strings.Contains(d.holds, "timestamp") {
		unit = "nanoseconds since 1970-01-01T00:00:00Z"
	}
	if unit == "" {
		return d.about
	}
	return unit + ": " + d.about
}
