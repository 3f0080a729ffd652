"""The smallest changes that cure a finding, applied and proved before they are offered."""
