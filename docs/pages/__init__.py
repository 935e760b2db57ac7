"""What makes and checks the documentation: pages made from the code, links, navigation, and the site."""
