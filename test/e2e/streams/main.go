// SPDX-License-Identifier: Apache-2.0

// Streams drives exec, attach and port-forward with Kubernetes' own client library, over SPDY or over
// WebSocket, against pods that are there already: `box` sleeps, `echo` sends back each line it reads on
// stdin, and `net` sends back what it gets on a port. Prints one line a case, `PASS name` or
// `FAIL name: why`.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/remotecommand"
)

type client struct {
	config   *rest.Config
	rest     rest.Interface
	executor string
	port     int
}

type testCase struct {
	name string
	run  func(context.Context, *client) error
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "who asks")
	executor := flag.String("executor", "websocket", "spdy or websocket")
	port := flag.Int("port", 0, "where the pod net listens")
	megabytes := flag.Int64("megabytes", 0, "only the case that carries so much through one command")
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	check(err)
	config.QPS = -1
	set, err := kubernetes.NewForConfig(config)
	check(err)
	c := &client{config: config, rest: set.CoreV1().RESTClient(), executor: *executor, port: *port}
	failed := false
	// More than any machine needs, however busy.
	limit := 3 * time.Minute
	cases := append(commandCases, portCases...)
	if *megabytes > 0 {
		cases = []testCase{throughCase(*megabytes)}
		limit = 4 * time.Minute
	}
	for _, test := range cases {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		if err := test.run(ctx, c); err != nil {
			failed = true
			fmt.Printf("FAIL %s: %v\n", test.name, err)
		} else {
			fmt.Printf("PASS %s\n", test.name)
		}
		cancel()
	}
	if failed {
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// exec runs a command in the pod box.
func (c *client) exec(ctx context.Context, command []string, streams remotecommand.StreamOptions) error {
	options := &corev1.PodExecOptions{
		Container: "main",
		Command:   command,
		Stdin:     streams.Stdin != nil,
		Stdout:    streams.Stdout != nil,
		Stderr:    streams.Stderr != nil,
		TTY:       streams.Tty,
	}
	request := c.rest.Post().Resource("pods").Namespace("default").Name("box").SubResource("exec")
	return c.stream(ctx, request.VersionedParams(options, scheme.ParameterCodec).URL(), streams)
}

// attach joins the main process of the pod echo.
func (c *client) attach(ctx context.Context, streams remotecommand.StreamOptions) error {
	options := &corev1.PodAttachOptions{
		Container: "main",
		Stdin:     streams.Stdin != nil,
		Stdout:    streams.Stdout != nil,
		Stderr:    streams.Stderr != nil,
	}
	request := c.rest.Post().Resource("pods").Namespace("default").Name("echo").SubResource("attach")
	return c.stream(ctx, request.VersionedParams(options, scheme.ParameterCodec).URL(), streams)
}

func (c *client) stream(ctx context.Context, url *url.URL, streams remotecommand.StreamOptions) error {
	executor, err := c.newExecutor(url)
	if err != nil {
		return err
	}
	return executor.StreamWithContext(ctx, streams)
}

func (c *client) newExecutor(url *url.URL) (remotecommand.Executor, error) {
	if c.executor == "spdy" {
		return remotecommand.NewSPDYExecutor(c.config, "POST", url)
	}
	return remotecommand.NewWebSocketExecutor(c.config, "GET", url.String())
}
