"""What readers turn, press and commit to: controls, the charts beside them, live training."""
