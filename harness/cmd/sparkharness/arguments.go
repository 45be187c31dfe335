package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// noArguments refuses the arguments of a command that takes none, with how they usually come about.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return stray(cmd, args[0])
	}
	return nil
}

// oneFile asks for the one argument that a command reads.
func oneFile(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return fmt.Errorf("%s needs a FILE: the trace to read", cmd.Name())
	case 1:
		return nil
	}
	return stray(cmd, args[1])
}

// atLeastOne asks for the arguments that a command reads, and says what they are.
func atLeastOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s needs a %s", cmd.Name(), what)
		}
		return nil
	}
}

func stray(cmd *cobra.Command, arg string) error {
	return fmt.Errorf("%q is no argument of %s: a switch takes its value with = (--stamp=false), and a value with spaces needs quotes",
		arg, cmd.Name())
}

// oneOfItsCommands shows a group's help, and refuses what is none of its commands.
func oneOfItsCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return fmt.Errorf("%q is no command of %s: there are %s", args[0], cmd.Name(), strings.Join(names, ", "))
}
