"""What a trained CLIP can do, measured without training anything more."""
