package repository_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/quotalab/quotalab/internal/testkit"
)

// object is what the manifests use of Kubernetes' API; decoding is strict, so that a
// misspelt field is found.
type object struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   metadata `yaml:"metadata"`
	Spec       struct {
		AccessModes  []string                     `yaml:"accessModes"`
		Resources    map[string]map[string]string `yaml:"resources"`
		Ports        []port                       `yaml:"ports"`
		Selector     map[string]any               `yaml:"selector"`
		BackoffLimit int                          `yaml:"backoffLimit"`
		Replicas     int                          `yaml:"replicas"`
		Template     struct {
			Metadata metadata `yaml:"metadata"`
			Spec     pod      `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

type metadata struct {
	Name   string            `yaml:"name"`
	Labels map[string]string `yaml:"labels"`
}

type port struct {
	Name          string `yaml:"name"`
	Port          int    `yaml:"port"`
	TargetPort    string `yaml:"targetPort"`
	ContainerPort int    `yaml:"containerPort"`
}

type pod struct {
	RestartPolicy                 string         `yaml:"restartPolicy"`
	AutomountServiceAccountToken  bool           `yaml:"automountServiceAccountToken"`
	TerminationGracePeriodSeconds int            `yaml:"terminationGracePeriodSeconds"`
	SecurityContext               map[string]any `yaml:"securityContext"`
	Containers                    []container    `yaml:"containers"`
	Volumes                       []volume       `yaml:"volumes"`
}

type container struct {
	Name            string                       `yaml:"name"`
	Image           string                       `yaml:"image"`
	Args            []string                     `yaml:"args"`
	Ports           []port                       `yaml:"ports"`
	Resources       map[string]map[string]string `yaml:"resources"`
	SecurityContext map[string]any               `yaml:"securityContext"`
	VolumeMounts    []struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type volume struct {
	Name      string            `yaml:"name"`
	EmptyDir  *struct{}         `yaml:"emptyDir"`
	ConfigMap map[string]string `yaml:"configMap"`
	Claim     map[string]string `yaml:"persistentVolumeClaim"`
	Secret    *struct {
		SecretName  string              `yaml:"secretName"`
		DefaultMode int                 `yaml:"defaultMode"`
		Items       []map[string]string `yaml:"items"`
	} `yaml:"secret"`
}

// manifests decodes all manifests, by kind.
func manifests(t *testing.T) map[string]object {
	t.Helper()
	files, err := filepath.Glob("deploy/kubernetes/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]object{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()); ; {
			var o object
			if err := d.Decode(&o); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all[o.Kind] = o
		}
	}
	return all
}

// TestKubernetes: the manifests fit together, the workers have no key, and quotalab takes their arguments.
func TestKubernetes(t *testing.T) {
	all := manifests(t)
	for kind, version := range map[string]string{"PersistentVolumeClaim": "v1", "Service": "v1", "Job": "batch/v1", "Deployment": "apps/v1"} {
		if all[kind].APIVersion != version {
			t.Fatalf("%s has the version %q, expected %q", kind, all[kind].APIVersion, version)
		}
	}
	job, workers, service := all["Job"].Spec.Template, all["Deployment"].Spec.Template, all["Service"]
	for name, value := range service.Spec.Selector {
		if job.Metadata.Labels[name] != value {
			t.Errorf("the service selects %s=%v, the coordinator has %q", name, value, job.Metadata.Labels[name])
		}
	}
	coordinator, worker := job.Spec.Containers[0], workers.Spec.Containers[0]
	if coordinator.Ports[0].Name != service.Spec.Ports[0].TargetPort || !slices.Contains(worker.Args, "quotalab:4433") || service.Metadata.Name != "quotalab" || service.Spec.Ports[0].Port != 4433 {
		t.Errorf("the workers' %q, the service and the coordinator's port are different addresses", worker.Args)
	}
	for _, v := range workers.Spec.Volumes {
		if v.Secret != nil && (len(v.Secret.Items) != 1 || v.Secret.Items[0]["key"] != "join") {
			t.Errorf("workers get more than the join file: %v", v.Secret.Items)
		}
	}
	for _, p := range []pod{job.Spec, workers.Spec} {
		var volumes []string
		for _, v := range p.Volumes {
			volumes = append(volumes, v.Name)
			if name := v.Claim["claimName"]; v.Claim != nil && name != all["PersistentVolumeClaim"].Metadata.Name {
				t.Errorf("no claim %q", name)
			}
		}
		for _, m := range p.Containers[0].VolumeMounts {
			if !slices.Contains(volumes, m.Name) {
				t.Errorf("%s mounts %s, which is no volume", p.Containers[0].Name, m.Name)
			}
		}
	}
	// Their paths are not here, so quotalab gets as far as looking for the first of them.
	for args, want := range map[string]string{strings.Join(coordinator.Args, " "): "stat /results: no such file", strings.Join(worker.Args, " "): "/join/join: no such file"} {
		out, err := exec.Command(testkit.Quotalab(t), strings.Fields(args)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("quotalab %s: %v\n%s", args, err, out)
		}
	}
}
