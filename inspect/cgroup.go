package inspect

import (
	"regexp"
	"strings"
)

// containerPatterns find a container's name or id in a component of a cgroup's
// path, for those who run containers as systemd scopes and those who do not.
var containerPatterns = []*regexp.Regexp{
	regexp.MustCompile(`^(?:docker|libpod|crio|cri-containerd|containerd)-([0-9a-f]{12})[0-9a-f]{52}\.scope$`),
	regexp.MustCompile(`^([0-9a-f]{12})[0-9a-f]{52}$`),
	regexp.MustCompile(`^libpod-([0-9a-f]{12})[0-9a-f]{52}$`),
	regexp.MustCompile(`^lxc\.payload\.(.+)$`),
	regexp.MustCompile(`^machine-(.+)\.scope$`),
	regexp.MustCompile(`^systemd-nspawn@(.+)\.service$`),
}

// Container is the container that the socket's cgroup belongs to: the first
// twelve digits of its id (Docker, containerd, CRI-O, Podman), or its name (LXC,
// nspawn); empty for none. It needs WithCgroup.
func (s *Socket) Container() string {
	found := ""
	for component := range strings.SplitSeq(s.Cgroup, "/") {
		for _, pattern := range containerPatterns {
			if m := pattern.FindStringSubmatch(component); m != nil {
				found = strings.ReplaceAll(m[1], `\x2d`, "-")
			}
		}
	}
	return found
}

// Unit is the systemd unit that the socket's cgroup belongs to: the innermost
// service, else scope; empty for none. It needs WithCgroup.
func (s *Socket) Unit() string {
	scope := ""
	components := strings.Split(s.Cgroup, "/")
	for i := len(components) - 1; i >= 0; i-- {
		switch {
		case strings.HasSuffix(components[i], ".service"), strings.HasSuffix(components[i], ".socket"):
			return components[i]
		case strings.HasSuffix(components[i], ".scope") && scope == "":
			scope = components[i]
		}
	}
	return scope
}
