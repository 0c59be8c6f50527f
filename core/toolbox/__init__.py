"""What agents may use: tools of this process and all they are equipped with."""
