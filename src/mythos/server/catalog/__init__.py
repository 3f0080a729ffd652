"""Agents, policy sets, workflows, environments and nodes the control plane knows."""
