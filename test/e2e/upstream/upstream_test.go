// SPDX-License-Identifier: Apache-2.0
//
// Upstream's own end-to-end suite, compiled as it is and pointed at a node of ours. It speaks only to
// the API server, so it says whether our node behaves like the one that it was written for.
// It wants a node that runs pods whose images do not exist, and a pod named like the node whose IP is
// the node's: see ../upstream.test.ts.

package upstream

import (
	"flag"
	"strings"
	"testing"
	"time"

	vke2e "github.com/virtual-kubelet/virtual-kubelet/test/e2e"
)

var (
	kubeconfig = flag.String("kubeconfig", "", "absolute path of the kubeconfig")
	namespace  = flag.String("namespace", "default", "namespace to create pods in")
	nodeName   = flag.String("node-name", "", "name of the node under test")
	timeout    = flag.Duration("watch-timeout", 30*time.Second, "how long to wait for one condition")
	skip       = flag.String("skip", "", "comma-separated method names of tests to leave out")
)

func TestEndToEnd(t *testing.T) {
	left := map[string]bool{}
	for name := range strings.SplitSeq(*skip, ",") {
		left[name] = true
	}
	vke2e.NewEndToEndTestSuite(vke2e.EndToEndTestSuiteConfig{
		Kubeconfig:     *kubeconfig,
		Namespace:      *namespace,
		NodeName:       *nodeName,
		WatchTimeout:   *timeout,
		ShouldSkipTest: func(name string) bool { return left[name] },
	}).Run(t)
}
