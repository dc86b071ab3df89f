package record

import (
	"slices"
	"strings"
)

// ClientOf is the client that an instance such as caller/17 is one of; what is no
// client's instance is a client by itself.
func (m *Manifest) ClientOf(instance string) string {
	if slices.ContainsFunc(m.Clients, func(c Client) bool { return c.Name == instance }) {
		return instance
	}
	client, _, _ := strings.Cut(instance, "/")
	return client
}
